"""Explaining any figure of the ledger, event by event, with proofs on demand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter

from api import cursors
from api.call import Call, call_of
from api.described import reads
from api.errors import NothingToExplain
from api.limits import EXPLAINED_EVENTS_MAX, PAGE_DEFAULT, PROOFS_MAX
from api.parameters import (
    AsOf,
    At,
    KnownAt,
    PageLimit,
    PositionCursor,
    identifier,
    instant as instant_of,
    when as when_of,
)
from api.positions import MinPosition
from projections.explained import KINDS, explanation
from projections.explanation import Explanation, NoSuchFigure
from store.credentials import Scope
from store.tree import NotSealedYet

SCOPES: Final = (Scope.READ, Scope.AUDIT)
Kind = Annotated[
    str,
    PathParameter(
        pattern=f"^({'|'.join(KINDS)})$",
        description=f"What is explained: {', '.join(f'`{kind}`' for kind in KINDS)}.",
    ),
]
Name = Annotated[str, identifier("Its id; of an event its position.")]
FIGURE_LENGTH_MAX: Final = 400

FigurePath = Annotated[
    str | None,
    QueryParameter(
        max_length=FIGURE_LENGTH_MAX,
        pattern=r"^[ -~]+$",
        description="The path of one figure, or of a part of the answer: `active`, `lots[l_1]`, "
        "`people.known`, `full_cost.EUR`, `consents`, `points[spend/m_1]`. Without it: every "
        "number that is not zero, and of an event every rule.",
    ),
]
Proofs = Annotated[
    bool,
    QueryParameter(
        description="Give with each event what proves that it is in the signed log (C2SP "
        f"tlog-proof); a page has at most {PROOFS_MAX} events then.",
    ),
]


class ExplanationPage(Explanation, kw_only=True):
    """Figures with the events that changed them, oldest position first, a page at a time.

    For each number, the changes of all pages add up to its value.
    """

    next: str | None
    """The cursor of the next page; null at the end."""


@reads(
    "/explanations/{kind:str}/{name:str}", ExplanationPage, scopes=SCOPES,
    problems=(NothingToExplain, NoSuchFigure), etag=False, tag="explanations",
)  # fmt: skip
async def explain(
    request: Request[Any, Any, Any],
    *,
    kind: Kind,
    name: Name,
    figure: FigurePath = None,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    proofs: Proofs = False,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: PositionCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Explain any figure: each event that changed it, and what the event changed.

    Of an account its balance and each lot; of a member a consent, what they bought, how they took
    part; of a tier, by the member's id, what counted and the terms that it counted under; of a
    campaign what it returned and every part of that. Of an event, by its position, why
    it earned what it did: of each rule what it gave, or what stopped it, judged by the rules and
    the history that the ledger knew when it recorded the event.
    """
    call, when = call_of(request), when_of(as_of, known_at)
    instant = instant_of("at", at) or when.shown_at or datetime.now(UTC)
    after = cursors.position_of(cursor) or 0
    most = min(limit, PROOFS_MAX) if proofs else limit

    def look() -> tuple[ExplanationPage | None, int]:
        reader = call.served.past(when, EXPLAINED_EVENTS_MAX)
        found = explanation(reader, kind, name, instant, figure)
        if found is None:
            return None, reader.position
        page = _page(found, after, most)
        if proofs:
            _prove(call, page)
        return page, reader.position

    return await call.read(
        look, min_position=min_position, absent=NothingToExplain, when=when, etag=False
    )


def _page(found: Explanation, after: int, limit: int) -> ExplanationPage:
    steps = [step for step in found.steps if step.position > after]
    shown = steps[:limit]
    positions = {step.position for step in shown}
    head = len(found.words) - len(found.steps)
    words = [
        *(found.words[:head] if not after else []),
        *(
            said
            for step, said in zip(found.steps, found.words[head:], strict=True)
            if step.position in positions
        ),
    ]
    return ExplanationPage(
        position=found.position,
        figures=found.figures,
        steps=shown,
        computed_with=found.computed_with,
        words=words,
        judged=found.judged,
        next=cursors.of_position(shown[-1].position) if len(steps) > limit else None,
    )


def _prove(call: Call, page: ExplanationPage) -> None:
    for step in page.steps:
        try:
            step.proof = call.ledger.tree.receipt(step.position).text
        except NotSealedYet:  # of the last seconds; asked again later it is there
            step.proof = None


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (explain,)
