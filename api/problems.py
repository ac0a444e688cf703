"""Every refusal as an RFC 9457 problem, with a stable type that is also its documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from traceback import extract_tb
from types import MappingProxyType
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from api import errors
from domain import errors as domain_errors
from domain.erasures import NobodyToErase
from domain.errors import FilrougeError
from domain.people import MemberNotEnrolled
from projections.explanation import NoSuchFigure
from projections.failures import PastTooLong, ProjectionNotReady
from store.certificates import NotCertifiedYet
from store.database import LedgerUnknown
from store.errors import StoreClosed, StoreOverloaded, StoreUnavailable
from store.sealing import SubjectErased
from store.tree import NoSuchCheckpoint, NoSuchTile, NotSealedYet

PROBLEM_JSON: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1

STATUS: Final[MappingProxyType[type[FilrougeError], int]] = MappingProxyType(
    {
        FilrougeError: 500,
        # The domain. A rule is broken because of what the history says: 409.
        domain_errors.RuleError: 409,
        domain_errors.ContentDiffers: 409,
        domain_errors.InvalidEvent: 422,
        domain_errors.NotPermitted: 403,
        MemberNotEnrolled: 404,
        NobodyToErase: 404,
        # The store.
        LedgerUnknown: 404,
        SubjectErased: 409,
        StoreUnavailable: 503,
        StoreOverloaded: 503,
        StoreClosed: 503,
        NotSealedYet: 404,
        NotCertifiedYet: 404,
        NoSuchCheckpoint: 404,
        NoSuchTile: 404,
        # The projections.
        ProjectionNotReady: 503,
        PastTooLong: 422,
        NoSuchFigure: 404,
        # The request itself.
        errors.Unauthenticated: 401,
        errors.NoSuchPage: 404,
        errors.NoSuchLedger: 404,
        errors.NoSuchMember: 404,
        errors.NoSuchAccount: 404,
        errors.NoSuchCampaign: 404,
        errors.NoSuchProgramme: 404,
        errors.NoSuchItem: 404,
        errors.NoSuchReward: 404,
        errors.NoSuchCode: 404,
        errors.NoSuchGame: 404,
        errors.NoSuchDraw: 404,
        errors.NoSuchEvent: 404,
        errors.NoSuchRule: 404,
        errors.NothingToExplain: 404,
        errors.SimulationTooLarge: 409,
        errors.NobodyRecognised: 404,
        errors.MethodNotAllowed: 405,
        errors.UnsupportedMediaType: 415,
        errors.BodyTooLarge: 413,
        errors.TooManyEvents: 422,
        errors.MalformedBody: 400,
        errors.MalformedRequest: 400,
        errors.InvalidBody: 422,
        errors.UnknownEventType: 422,
        errors.EventIsDecided: 403,
        errors.SourceIsReserved: 403,
        errors.TimeAhead: 409,
        errors.PositionAhead: 409,
        errors.EpochChanged: 409,
        errors.NotYetReached: 503,
        errors.ServerBusy: 503,
        errors.ServerStopping: 503,
        errors.NotReady: 503,
        errors.InternalError: 500,
    }
)
"""The status of each refusal; one that is not named has that of its nearest ancestor."""

_OF_STATUS: Final[MappingProxyType[int, type[FilrougeError]]] = MappingProxyType(
    {
        400: errors.MalformedRequest,
        401: errors.Unauthenticated,
        403: domain_errors.NotPermitted,
        404: errors.NoSuchPage,
        405: errors.MethodNotAllowed,
        413: errors.BodyTooLarge,
        415: errors.UnsupportedMediaType,
        503: errors.ServerBusy,
    }
)
_FIELD: Final = re.compile(r"[A-Za-z_][\w.]*")
_MISSING: Final = re.compile(r"[Mm]issing required .*?'([^']+)'")
_UNKNOWN: Final = re.compile(r"(?:unknown|required) field `([^`]*)`")

log = structlog.get_logger()


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong: where it is and what would be right."""

    detail: str
    pointer: str | None = None
    """JSON pointer (RFC 6901) into the body."""
    parameter: str | None = None
    """Name of a parameter of the path, the query or a header."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Why a request was refused, as RFC 9457 says it."""

    type: str
    """A stable address; what stands there explains the problem and what to do about it."""
    title: str
    status: int
    detail: str
    instance: str | None = None
    """The request that it happened to; it stands in our log too."""
    errors: tuple[Fault, ...] = ()
    """What exactly is wrong, if more can be said than the detail says."""
    context: dict[str, Any] = {}
    """The ids and amounts that the rule speaks of."""


class Refused(FilrougeError):
    """A refusal with the places of what is wrong."""

    def __init__(self, kind: type[FilrougeError], detail: str, *faults: Fault) -> None:
        super().__init__(detail)
        self.kind = kind
        self.faults = faults


def status_of(kind: type[FilrougeError]) -> int:
    """The HTTP status of a kind of error."""
    return next(STATUS[cls] for cls in kind.__mro__ if cls in STATUS)


def title_of(kind: type[FilrougeError]) -> str:
    """A short name for people: ``Not enough points``."""
    return kind.code.replace("-", " ").capitalize()


def kinds() -> dict[str, type[FilrougeError]]:
    """Every kind of problem that there is, by its code."""
    abstract = {Refused, errors.RequestError, domain_errors.RuleError}

    def below(cls: type[FilrougeError]) -> Iterator[type[FilrougeError]]:
        for kind in cls.__subclasses__():
            if kind not in abstract:
                yield kind
            yield from below(kind)

    return {kind.code: kind for kind in sorted(below(FilrougeError), key=lambda kind: kind.code)}


def problem_of(error: FilrougeError, request_id: str | None = None) -> Problem:
    """What is answered for an error."""
    kind = error.kind if isinstance(error, Refused) else type(error)
    status = status_of(kind)
    if status == 500:  # noqa: PLR2004 - what went wrong inside is for the log only
        kind, error = errors.InternalError, errors.InternalError()
    detail = str(error).replace("``", "`")
    faults = error.faults if isinstance(error, Refused) else _named_in(kind, detail)
    return Problem(
        type=f"/problems/{kind.code}",
        title=title_of(kind),
        status=status,
        detail=detail,
        instance=request_id and f"urn:filrouge:request:{request_id}",
        errors=faults,
        context={name: _plain(value) for name, value in error.context.items()},
    )


def _plain(value: object) -> Any:
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return str(value)


def _named_in(kind: type[FilrougeError], detail: str) -> tuple[Fault, ...]:
    """The field that an InvalidEvent speaks of: ``time: ... is outside ...``."""
    field, _, said = detail.partition(": ")
    if not (issubclass(kind, domain_errors.InvalidEvent) and said and _FIELD.fullmatch(field)):
        return ()
    return (Fault(said, pointer="/" + field.replace(".", "/")),)


def fault_at(error: msgspec.ValidationError, below: str = "") -> Fault:
    """Where a body does not fit its schema: ``Expected `int` >= 1 - at `$.lines[0].net```."""
    said, _, path = str(error).partition(" - at `")
    if "key in" in path or path.startswith("key"):
        said, path = f"{said} in a key", path.rpartition("`$")[2]
    pointer = re.sub(r"\.|\[", "/", path.rstrip("`").removeprefix("$")).replace("]", "")
    missing = _UNKNOWN.search(said)
    if missing:
        pointer += "/" + missing[1].replace("~", "~0").replace("/", "~1")
    return Fault(said, pointer=below + pointer)


def invalid_body(error: msgspec.ValidationError, below: str = "") -> Refused:
    """The refusal of a body that does not fit its schema; it names the field."""
    fault = fault_at(error, below)
    return Refused(errors.InvalidBody, f"{fault.pointer or '/'}: {fault.detail}", fault)


def malformed(parameter: str, detail: str) -> Refused:
    """The refusal of a parameter that is not of the documented form."""
    return Refused(
        errors.MalformedRequest, f"{parameter}: {detail}", Fault(detail, parameter=parameter)
    )


def _answer(request: Request[Any, Any, Any], problem: Problem) -> Response[Problem]:
    request.scope["state"]["problem"] = problem.type.rpartition("/")[2]  # for the log
    headers: dict[str, str] = {}
    if problem.status == 401:  # noqa: PLR2004 - RFC 9110 asks for it
        headers["WWW-Authenticate"] = 'Bearer realm="filrouge"'
    if problem.status == 503:  # noqa: PLR2004 - as the design says
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    position = request.scope["state"].get("ledger_position")
    if position is not None:
        headers["Ledger-Position"] = position
    return Response(problem, status_code=problem.status, media_type=PROBLEM_JSON, headers=headers)


def _request_id(request: Request[Any, Any, Any]) -> str | None:
    found = request.scope["state"].get("request_id")
    return str(found) if found else None


def on_error(request: Request[Any, Any, Any], error: FilrougeError) -> Response[Problem]:
    """Answer for what Filrouge itself refuses."""
    kind = error.kind if isinstance(error, Refused) else type(error)
    if status_of(kind) == 500:  # noqa: PLR2004
        return on_surprise(request, error)
    return _answer(request, problem_of(error, _request_id(request)))


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Answer for what the framework refuses: no route, no such method, a malformed parameter."""
    kind = _OF_STATUS.get(error.status_code)
    if kind is None:
        return on_surprise(request, error)
    faults = [
        Fault(one["message"], parameter=str(one.get("key", "")) or None)
        for one in (error.extra if isinstance(error.extra, list) else ())
    ]
    if missing := _MISSING.search(error.detail):
        faults.append(Fault("this is required", parameter=missing[1]))
    detail = "; ".join(f"{fault.parameter}: {fault.detail}" for fault in faults)
    refused = Refused(kind, detail or str(kind()), *faults)
    answer = _answer(request, problem_of(refused, _request_id(request)))
    answer.headers.update({name.title(): value for name, value in (error.headers or {}).items()})
    return answer


def on_surprise(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer for what nobody foresaw. Neither answer nor log repeats a value."""
    if any(cls.__name__ == "OperationalError" for cls in type(error).__mro__):
        # The database is away, or all connections to it are in use: both pass.
        return _answer(request, problem_of(errors.ServerBusy(), _request_id(request)))
    frames = extract_tb(error.__traceback__)[-8:]
    log.error(
        "request.failed",
        error=type(error).__name__,
        cause=type(error.__cause__).__name__ if error.__cause__ else None,
        frames=[f"{PurePath(f.filename).name}:{f.lineno}:{f.name}" for f in frames],
    )
    return _answer(request, problem_of(errors.InternalError(), _request_id(request)))


HANDLERS: Final[dict[int | type[Exception], Any]] = {
    FilrougeError: on_error,
    HTTPException: on_http,
    Exception: on_surprise,
}
