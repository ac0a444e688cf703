"""Parameters that several addresses take, and the refusal of those that none takes."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final

import msgspec
from litestar import Request
from litestar.handlers import BaseRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.types import HTTPScope

from api import cursors
from api.errors import MalformedRequest
from api.limits import PAGE_MAX
from api.problems import Fault, Refused, malformed
from domain.errors import InvalidEvent
from domain.event import check_time
from domain.types import ID_LENGTH_MAX, ID_PATTERN
from projections.selection import NOW, When

LEDGER_PATTERN: Final = r"^[a-z][a-z0-9_]{0,39}$"
DAY_PATTERN: Final = (
    r"(197[1-9]|19[89][0-9]|20[0-9]{2}|21[0-8][0-9]|219[0-8])-"
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))"
)
INSTANT_PATTERN: Final = (
    rf"^{DAY_PATTERN}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,6}})?"
    r"(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
)
"""RFC 3339 with an offset, in the years that a ledger speaks of. What is documented; taken is a
little more, which no pattern says well: leap days, and the edges of the first and last year.
"""

LedgerName = Annotated[
    str, PathParameter(pattern=LEDGER_PATTERN, description="The name of the ledger.")
]
PageLimit = Annotated[
    int, QueryParameter(ge=1, le=PAGE_MAX, description="The most elements of one page.")
]
PositionCursor = Annotated[
    str | None,
    QueryParameter(
        pattern=cursors.POSITION_PATTERN,
        description="Where the page before ended: its `next`. Nothing else may be changed.",
    ),
]
KeyCursor = Annotated[
    str | None,
    QueryParameter(
        pattern=cursors.KEY_PATTERN,
        description="Where the page before ended: its `next`. Nothing else may be changed.",
    ),
]
LineCursor = Annotated[
    str | None,
    QueryParameter(
        pattern=cursors.LINE_PATTERN,
        description="Where the page before ended: its `next`. Nothing else may be changed.",
    ),
]
Instant = Annotated[
    str | None,
    QueryParameter(
        schema_extra={"pattern": INSTANT_PATTERN},
        description="An RFC 3339 instant with its offset.",
    ),
]
At = Annotated[
    str | None,
    QueryParameter(
        schema_extra={"pattern": INSTANT_PATTERN},
        description="The instant that the answer is computed for (RFC 3339). Without it: now.",
    ),
]
AsOf = Annotated[
    str | None,
    QueryParameter(
        schema_extra={"pattern": INSTANT_PATTERN},
        description=(
            "Answer with what was true before this instant (RFC 3339), by the `time` of events, "
            "folded again from the log: what happened since has not happened."
        ),
    ),
]
KnownAt = Annotated[
    str | None,
    QueryParameter(
        schema_extra={"pattern": INSTANT_PATTERN},
        description=(
            "Answer with what the ledger knew before this instant (RFC 3339), folded again from "
            "the log: what was voided or corrected since still shows. Nothing is waited for then. "
            "With `as_of`: what the ledger knew by then about that earlier instant."
        ),
    ),
]


def when(as_of: str | None, known_at: str | None) -> When:
    """The past that a read asks for, or now."""
    if as_of is None and known_at is None:
        return NOW
    return When(instant("as_of", as_of), instant("known_at", known_at))


def identifier(description: str) -> Any:
    """An identifier in the path."""
    return PathParameter(
        pattern=ID_PATTERN, min_length=1, max_length=ID_LENGTH_MAX, description=description
    )


def header_of(scope: HTTPScope, name: bytes) -> str | None:
    """The first header of this name, in lower case; without making all of them readable."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


def instant(name: str, text: str | None) -> datetime | None:
    """The instant that a parameter gives; strictly RFC 3339, within what a ledger speaks of."""
    if text is None:
        return None
    # In an address, a plus that was not escaped arrives as a space.
    try:
        value = msgspec.convert(text.replace(" ", "+"), datetime)
        check_time(name, value)
    except (msgspec.ValidationError, InvalidEvent):
        raise malformed(name, "write an instant like 2026-11-21T18:00:00+01:00") from None
    return value


@cache
def _query_names(handler: BaseRouteHandler) -> dict[str, bool]:
    """The query parameters of a handler, and whether each may be repeated."""
    return {
        definition.name or field.name: field.is_non_string_sequence
        or any(inner.is_non_string_sequence for inner in field.inner_types)
        for field in handler.parsed_fn_signature.parameters.values()
        if isinstance(definition := field.kwarg_definition, QueryParameter)
    }


def check_query(request: Request[Any, Any, Any]) -> None:
    """Refuse what a misspelt parameter would otherwise do: nothing, silently."""
    if not request.scope["query_string"]:
        return
    names = _query_names(request.route_handler)
    given: list[str] = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in names:
            known = ", ".join(names) or "none"
            detail = f"there is no such parameter here; there are: {known}"
            raise Refused(MalformedRequest, detail, Fault(detail, parameter=name[:100]))
        if given.count(name) > 1 and not names[name]:
            raise malformed(name, "given more than once")
