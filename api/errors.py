"""Why a request is refused before the domain is asked: one class per reason, as in the domain."""

from __future__ import annotations

from domain.errors import FilrougeError


class RequestError(FilrougeError):
    """The request cannot be answered as it was sent."""


class Unauthenticated(RequestError):
    """Send a key of this ledger: ``Authorization: Bearer <key>``. This one is missing or not valid.

    Keys are made with ``filrouge keys``; they are shown once and kept as a digest only.
    """


class NoSuchPage(RequestError):
    """There is nothing at this address. The addresses are listed on ``/docs``."""


class NoSuchLedger(RequestError):
    """There is no ledger of this name that your key may see."""


class NoSuchMember(RequestError):
    """No member with this id has been enrolled, up to the position that the answer names."""


class NoSuchAccount(RequestError):
    """No account with this id has been opened, up to the position that the answer names."""


class NoSuchCampaign(RequestError):
    """No campaign with this id has been planned, up to the position that the answer names."""


class NothingToExplain(RequestError):
    """No event speaks of anything of this kind and id, up to the position that the answer names."""


class NoSuchProgramme(RequestError):
    """No programme with this id has been opened, up to the position that the answer names."""


class NoSuchItem(RequestError):
    """No item with this id was ever in the reward catalogue; check the id."""


class NoSuchReward(RequestError):
    """No reward with this id was ever granted or reserved; check the id."""


class NoSuchCode(RequestError):
    """This code was never supplied, or nobody was given it: nothing can be had for it."""


class NoSuchGame(RequestError):
    """No instant-win game with this id was ever opened; check the id."""


class NoSuchDraw(RequestError):
    """No draw with this id has been opened, up to the position that the answer names."""


class NoSuchEvent(RequestError):
    """The ledger has no event at this position: it ends at the position that the answer names."""


class NoSuchRule(RequestError):
    """No rule with this id was published."""


class SimulationTooLarge(RequestError):
    """The window holds more events than one request may replay: ask for a smaller one.

    `filrouge simulate-rules` replays windows of any size.
    """


class NobodyRecognised(RequestError):
    """No member is recognised by this identity."""


class MethodNotAllowed(RequestError):
    """This address does not take this method; the ``Allow`` header lists those it takes."""


class UnsupportedMediaType(RequestError):
    """The ``Content-Type`` of the body is not one that this address takes."""


class BodyTooLarge(RequestError):
    """The body is larger than this server takes. Send fewer events at once."""


class TooManyEvents(RequestError):
    """The batch holds more events than one request may bring. Send it in parts."""


class MalformedBody(RequestError):
    """The body is not valid UTF-8 JSON, so nothing of it was read."""


class MalformedRequest(RequestError):
    """A parameter of the path, the query or a header is not of the form that is documented."""


class InvalidBody(RequestError):
    """The body is JSON, but not of the documented schema; ``errors`` names the fields."""


class UnknownEventType(RequestError):
    """The ledger knows no event of this type. The types are listed in the catalogue of events."""


class EventIsDecided(RequestError):
    """Only a decision of the ledger makes this event: send the command instead.

    Decided events of another system can be brought in with the scope ``admin``.
    """


class SourceIsReserved(RequestError):
    """This source is the ledger's own. Name the system that your events come from."""


class TimeAhead(RequestError):
    """The time lies too far ahead of the ledger's clock. Check the clock of what reported it."""


class PositionAhead(RequestError):
    """The position lies beyond the end of the ledger, so this ledger never gave it to anybody."""


class EpochChanged(RequestError):
    """The position is of another epoch: the ledger was restored from a backup since you read it.

    What was recorded after the backup may be gone. Read again without ``min_position``, take the
    new ``Ledger-Position``, and send again what is missing: nothing doubles.
    """


class NotYetReached(RequestError):
    """What you read does not reflect the position yet. Come back after ``Retry-After`` seconds."""


class ServerBusy(RequestError):
    """The server cannot take more at this moment. Come back after ``Retry-After`` seconds."""


class ServerStopping(RequestError):
    """This server is being stopped and took nothing. Send it again after ``Retry-After`` seconds.

    Another process of the same installation answers then, or this one when it has started again.
    """


class NotReady(RequestError):
    """Send nothing here yet, or nothing more: this server starts, stops, or nobody projects.

    ``reasons`` says which: the server is stopping; migrations run; the database does not answer;
    or no process holds the lease of a ledger's projections. What it answers meanwhile is true, but
    may be refused or old.
    """


class InternalError(RequestError):
    """Something went wrong on our side. It was logged under the request id in ``instance``."""
