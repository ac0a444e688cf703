"""How the ledger decides: a command, the views of the history it depends on, and new events.

A :class:`View` folds the events that carry certain tags. A :class:`Slice` (the eventsourcing
library's word for one vertical slice of decision making) names the views it reads, and in
``execute`` raises a rule's error or triggers events. The views are its *dynamic consistency
boundary*: nothing that they would have seen can slip in between reading and recording.

Everything here is pure. The instant, the actor and new ids come in from outside, so the same
history and the same command give the same events, always.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

import msgspec
from eventsourcing.dcb import domain as dcb

from domain.envelope import Envelope, Recorded
from domain.event import Event
from domain.handlers import Handler, HandlerType, on
from domain.types import Instant

__all__ = [
    "Command", "Handler", "HandlerType", "Reaction", "Slice", "Trigger", "View", "commands", "on",
    "reactions", "reactions_to", "replay", "slice_for", "slices",
]  # fmt: skip


class View(metaclass=HandlerType):
    """A fold of the events that carry all of the given tags and have a handler here.

    Two views of the same class and tags are the same view: decisions of one batch share it, and it
    is kept between batches and only advanced. So a view must hold nothing but what its events
    say. Events that were voided never reach it, unless it ``sees_voided``: what was used once
    stays used. ``tags`` come most selective first.
    """

    handlers: ClassVar[dict[type[Event], Handler]]
    sees_voided: ClassVar[bool] = False

    def __init__(self, *tags: str) -> None:
        if not tags or not self.handlers:
            message = f"{type(self).__name__} needs at least one tag and one handler"
            raise TypeError(message)
        self.tags = tags
        self.key: tuple[Any, ...] = (type(self), tags)
        """What tells two views apart; one that folds by more than its tags says it here."""

    @property
    def event_types(self) -> Iterable[type[Event]]:
        """The events that it folds."""
        return self.handlers

    def fresh(self) -> View:
        """The same view without a history."""
        return type(self)(*self.tags)

    def fold(self, event: Event, envelope: Envelope) -> None:
        """Take in one event that the view selects."""
        self.handlers[type(event)](self, event, envelope)

    def selects(self, event: Event, tags: Iterable[str]) -> bool:
        """Whether the event belongs to this view."""
        return type(event) in self.event_types and set(self.tags) <= set(tags)


V = TypeVar("V", bound=View)


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What somebody asks of the ledger; also what an endpoint decodes.

    ``seals_as`` is the event type that personal fields of the command end up in: a value is
    sealed for the event's type and the field of the same name.
    """

    seals_as: ClassVar[type[Event] | None] = None

    time: Instant | None = None
    """When it happened, if that is not now (a till that was offline)."""


class Trigger(NamedTuple):
    """A new event of a decision, before it has a position."""

    event: Event
    cause: int | None
    time: datetime | None
    checked: bool = False
    """It was validated when it was decided."""


_slices: dict[type[Any], type[Slice]] = {}
_reactions: dict[type[Event], tuple[type[Reaction], ...]] = {}


class SliceType(dcb.MetaSlice):
    """Metaclass of slices: what a slice reads is said in its class line, or it is an error."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any
    ) -> Any:
        """Make the class; the class arguments are read in ``__init__``."""
        return super().__new__(mcs, name, bases, namespace)

    def __init__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        decides: type[Command] | None = None,
        reacts_to: type[Event] | None = None,
        reads: tuple[type[View], ...] = (),
        abstract: bool = False,
    ) -> None:
        super().__init__(name, bases, namespace)
        if abstract:
            return
        if any(getattr(base, "reads", ()) for base in bases):
            message = f"{name}: a slice is not subclassed; share a View instead"
            raise TypeError(message)
        if not reads:
            message = f"{name} reads no view, so nothing would guard its decision"
            raise TypeError(message)
        cls.reads = reads
        # Our events are light Structs, not the library's Decision, which has a __dict__.
        types: Any = dict.fromkeys(event for view in reads for event in view.handlers)
        cls.projected_types = list(types)
        cls.do_projection = True
        if decides is not None:
            _register(_slices, decides, cls)
        if reacts_to is not None:
            _reactions[reacts_to] = (*_reactions.get(reacts_to, ()), cast(Any, cls))


def _register(registry: dict[Any, Any], key: type, cls: type) -> None:
    if key in registry:
        message = f"{key.__name__} is decided by {registry[key].__name__} already"
        raise TypeError(message)
    registry[key] = cls


class _Deciding(dcb.Slice[Any], metaclass=SliceType, abstract=True):
    reads: ClassVar[tuple[type[View], ...]] = ()

    now: datetime
    """The ledger's clock when the decision is taken."""
    actor: str
    boundary: list[View]

    def __init__(self) -> None:
        self.boundary = []
        self.triggers: list[Trigger] = []

    def view(self, kind: type[V], *tags: str) -> V:
        """Put the view of these tags into the boundary. Only in ``__init__``: before reading."""
        if kind not in self.reads:
            message = f"{type(self).__name__} does not say that it reads {kind.__name__}"
            raise TypeError(message)
        made = kind(*tags)
        self.boundary.append(made)
        return made

    def use(self, views: Sequence[View]) -> None:
        """Let the empty views of the boundary be those that hold the history, in its order.

        They stand in attributes of the decision, wherever it put them: so not they are replaced,
        but what they consist of.
        """
        for empty, view in zip(self.boundary, views, strict=True):
            if view is not empty:
                empty.__dict__ = view.__dict__

    def consistency_boundary(self) -> list[dcb.Selector]:
        """What the decision depends on, in the library's words."""
        selected: list[tuple[Any, tuple[str, ...]]] = [
            (tuple(view.handlers), view.tags) for view in self.boundary
        ]
        return [dcb.Selector(types, tags) for types, tags in selected]

    def further(self) -> list[View]:
        """Views that only what was read shows to be needed, at another round trip."""
        return []

    def trigger(
        self,
        event: Event,
        *,
        cause: int | None = None,
        time: datetime | None = None,
        checked: bool = False,
    ) -> None:
        """Decide an event. The views take it in after the whole decision stands."""
        self.triggers.append(Trigger(event, cause, time, checked))


C = TypeVar("C", bound=Command)


class Slice(_Deciding, abstract=True):
    """Decides one kind of command.

    ::

        class Redemption(Slice, decides=RedeemPoints, reads=(AccountLots,)):
            def __init__(self, command: RedeemPoints, command_id: str) -> None:
                super().__init__(command, command_id)
                self.lots = self.view(AccountLots, f"account:{command.account_id}")

            def execute(
                self,
            ) -> None: ...  # raise a RuleError, or self.trigger(PointsRedeemed(...))

    Views are attributes of the instance, made with :meth:`view` in ``__init__``.
    """

    command: Any
    command_id: str

    def __init__(self, command: Any, command_id: str) -> None:
        super().__init__()
        self.command = command
        self.command_id = command_id
        self._minted = 0

    def mint(self, prefix: str) -> str:
        """Make a new id, ``m_...``: the same for the same command, unlike any other one."""
        self._minted += 1
        digest = sha256(f"{self.command_id}/{prefix}/{self._minted}".encode()).digest()
        return f"{prefix}_{b32encode(digest[:15]).decode().lower()}"

    @property
    def time(self) -> datetime:
        """The instant that the decision is about: the command's, or now."""
        return self.command.time or self.now


class Reaction(_Deciding, abstract=True):
    """Decides what follows by rule from a recorded event, in the same batch.

    Its views show the history before the event. What it triggers has the event as its cause.
    """

    event: Any
    envelope: Envelope
    """The event's, once it has its place: only for ``execute``."""
    earlier: Sequence[Trigger] = ()
    """What the reactions before this one decided because of the same event."""

    def __init__(self, event: Any) -> None:
        super().__init__()
        self.event = event


def slice_for(command: Command, command_id: str, **subject: Any) -> Slice:
    """Make the slice of a command; ``subject`` is what it has to be told about the log."""
    return _slices[type(command)](command, command_id, **subject)


def commands() -> dict[str, type[Command]]:
    """Every command class by its name."""
    return {cls.__name__: cls for cls in sorted(_slices, key=lambda cls: cls.__name__)}


def slices() -> dict[type[Command], type[Slice]]:
    """Which slice decides each command."""
    return dict(_slices)


def reactions() -> dict[type[Event], tuple[type[Reaction], ...]]:
    """Which reactions follow from each event that has some, in their order."""
    return dict(_reactions)


def reactions_to(event: Event) -> list[Reaction]:
    """Make the slices that decide what follows from this event; mostly there are none."""
    return [reaction(event) for reaction in _reactions.get(type(event), ())]


def replay(view: V, history: Iterable[Recorded]) -> V:
    """Fold a history into a view, event after event."""
    for recorded in history:
        if recorded.event is not None and view.selects(recorded.event, recorded.tags):
            view.fold(recorded.event, recorded.envelope)
    return view
