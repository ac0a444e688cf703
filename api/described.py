"""How an address is declared: its handler, who may use it, and what its documentation says.

The documentation is made from this and from the Structs themselves by :mod:`api.openapi`; a
handler's docstring is its summary and description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from litestar.handlers import HTTPRouteHandler

from api import errors
from api.answers import JSON, Address
from api.call import requires
from domain.errors import ContentDiffers, FilrougeError, InvalidEvent, NotPermitted
from projections.failures import PastTooLong, ProjectionNotReady
from store.credentials import Scope
from store.errors import StoreClosed, StoreOverloaded, StoreUnavailable

NDJSON: Final = "application/x-ndjson"
KEY: Final = "described"

KEYED: Final = (
    errors.Unauthenticated, NotPermitted, errors.NoSuchLedger, errors.ServerBusy,
    errors.ServerStopping,
)  # fmt: skip
READING: Final = (
    *KEYED, errors.MalformedRequest, errors.PositionAhead, errors.EpochChanged,
    errors.NotYetReached, ProjectionNotReady, StoreUnavailable, StoreOverloaded, StoreClosed,
)  # fmt: skip
WRITING: Final = (
    *KEYED, errors.MalformedRequest, errors.MalformedBody, errors.BodyTooLarge,
    errors.UnsupportedMediaType, StoreUnavailable, StoreOverloaded, StoreClosed,
)  # fmt: skip
COMMANDING: Final = (errors.InvalidBody, errors.TimeAhead, InvalidEvent, ContentDiffers)

PROVING: Final = (Scope.READ, Scope.AUDIT)


class Answer(NamedTuple):
    """What comes back when all is well."""

    body: Any = None
    """The type of the body; a dict is a JSON schema; None: there is no body."""
    media_type: str = JSON
    description: str = ""
    headers: tuple[str, ...] = ()
    """Names of headers that are described in :mod:`api.openapi`."""


class Described(NamedTuple):
    """What is said of an address beside what its handler's parameters say."""

    answers: Mapping[int, Answer]
    problems: tuple[type[FilrougeError], ...]
    bodies: Mapping[str, Any] = MappingProxyType({})
    """The type (or JSON schema) of the body by media type."""
    body_required: bool = True
    scopes: tuple[Scope, ...] = ()
    headers: tuple[str, ...] = ()
    """Headers that the caller may send."""
    path: Mapping[str, Any] = MappingProxyType({})
    """Types of path parameters that are not in the handler's signature."""

    def __deepcopy__(self, memo: object) -> Described:
        """The framework copies handlers; what is said of them does not change."""
        return self


Handler = Callable[..., Any]


def reads(
    path: str,
    answer: Any,
    *,
    scopes: tuple[Scope, ...] = (Scope.READ,),
    problems: tuple[type[FilrougeError], ...] = (),
    media_type: str = JSON,
    etag: bool = True,
    tag: str,
) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a read: GET, with a position, and an entity tag unless the answer is a stream."""
    headers = ("Ledger-Position", "ETag") if etag else ("Ledger-Position",)
    answers = {200: Answer(answer, media_type, headers=headers)}
    if etag:
        answers[304] = Answer(description="You have this answer already.", headers=headers)
    described = Described(
        answers,
        (*READING, *problems),
        scopes=scopes,
        headers=("If-None-Match",) if etag else (),
    )
    return _declared("GET", path, described, tag, media_type=media_type)


def open_to_all(
    path: str, answer: Answer, *, problems: tuple[type[FilrougeError], ...] = (), tag: str
) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a read that needs no key."""
    return _declared("GET", path, Described({200: answer}, problems), tag)


def proves(
    path: str, answer: Answer, problems: tuple[type[FilrougeError], ...]
) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a read of what proves the log; it reflects a checkpoint, not a position."""
    described = Described(
        {200: answer}, (*KEYED, errors.MalformedRequest, *problems), scopes=PROVING
    )
    return _declared("GET", path, described, "proof", media_type=answer.media_type)


def looks_up(
    path: str,
    answer: Any,
    body: Any,
    *,
    problems: tuple[type[FilrougeError], ...] = (),
    tag: str,
) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a read whose question may not stand in an address: POST, with a body."""
    described = Described(
        {200: Answer(answer, headers=("Ledger-Position",))},
        (*READING, *WRITING, errors.InvalidBody, *problems),
        bodies={JSON: body},
        scopes=(Scope.READ,),
    )
    return _declared("POST", path, described, tag, status_code=200)


def writes(
    path: str,
    answers: Mapping[int, Answer],
    bodies: Mapping[str, Any],
    *,
    scopes: tuple[Scope, ...],
    problems: tuple[type[FilrougeError], ...] = (),
    headers: tuple[str, ...] = (),
    path_types: Mapping[str, Any] = MappingProxyType({}),
    body_required: bool = True,
    tag: str,
    name: str | None = None,
) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a write: POST."""
    described = Described(
        answers, (*WRITING, *problems), bodies, body_required, scopes, headers, path_types
    )
    return _declared("POST", path, described, tag, status_code=min(answers), operation_id=name)


def _declared(
    method: Literal["GET", "POST"], path: str, described: Described, tag: str, **options: Any
) -> Callable[[Handler], HTTPRouteHandler]:
    def declare(handler: Handler) -> HTTPRouteHandler:
        if "as_of" in signature(handler).parameters:
            problems = (*described.problems, PastTooLong)
            said = described._replace(problems=problems)
        else:
            said = described
        options.setdefault("operation_id", None)
        options["operation_id"] = options["operation_id"] or handler.__name__
        return Address(
            path,
            http_method=method,
            guards=[requires(*described.scopes)] if described.scopes else None,
            opt={KEY: said},
            tags=[tag],
            **options,
        )(handler)

    return declare
