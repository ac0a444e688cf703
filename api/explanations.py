"""Explaining the figures of accounts, members, campaigns and tiers, with proofs on demand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api import cursors
from api.accounts import Account
from api.call import Call, call_of
from api.campaigns import Campaign
from api.described import reads
from api.errors import NoSuchAccount, NoSuchCampaign, NoSuchMember, RequestError
from api.limits import EXPLAINED_EVENTS_MAX, PAGE_DEFAULT, PROOFS_MAX
from api.members import Member
from api.parameters import (
    AsOf,
    At,
    KnownAt,
    PageLimit,
    PositionCursor,
    instant,
    when as when_of,
)
from api.positions import MinPosition
from projections.explained import EXPLAINED
from projections.explaining import NoSuchFigure, explain
from projections.explanation import Explanation
from projections.selection import When
from store.credentials import Scope
from store.tree import NotSealedYet

SCOPES: Final = (Scope.READ, Scope.AUDIT)
FIGURE_LENGTH_MAX: Final = 400

FigurePath = Annotated[
    str | None,
    QueryParameter(
        max_length=FIGURE_LENGTH_MAX,
        pattern=r"^[ -~]+$",
        description="The path of one figure, or of a part of the answer: `active`, `lots[l_1]`, "
        "`people.known`, `full_cost.EUR`, `consents`. Without it: every number that is not zero.",
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


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be explained, and how."""

    kind: str
    name: str
    figure: str | None
    at: datetime
    when: When
    proofs: bool
    limit: int
    after: int


def _asked(
    kind: str, name: str, figure: str | None, instants: tuple[str | None, str | None, str | None],
    page: tuple[bool, int, str | None],
) -> Asked:  # fmt: skip
    at, as_of, known_at = instants
    proofs, limit, cursor = page
    when = when_of(as_of, known_at)
    return Asked(
        kind=kind,
        name=name,
        figure=figure,
        at=instant("at", at) or when.shown_at or datetime.now(UTC),
        when=when,
        proofs=proofs,
        limit=min(limit, PROOFS_MAX) if proofs else limit,
        after=cursors.position_of(cursor) or 0,
    )


async def _explained(
    call: Call, asked: Asked, min_position: str | None, absent: type[RequestError]
) -> Response[bytes]:
    answer = EXPLAINED[asked.kind]

    def look() -> tuple[ExplanationPage | None, int]:
        reader = call.served.past(asked.when, EXPLAINED_EVENTS_MAX)
        found = explain(reader, lambda rows: answer(rows, asked.name, asked.at), asked.figure)
        return (None if found is None else _page(call, asked, found)), reader.position

    return await call.read(
        look, min_position=min_position, absent=absent, when=asked.when, etag=False
    )


def _page(call: Call, asked: Asked, found: Explanation) -> ExplanationPage:
    steps = [step for step in found.steps if step.position > asked.after]
    more = len(steps) > asked.limit
    shown = steps[: asked.limit]
    if asked.proofs:
        for step in shown:
            try:
                step.proof = call.ledger.tree.receipt(step.position).text
            except NotSealedYet:  # of the last seconds; asked again later it is there
                step.proof = None
    positions = {step.position for step in shown}
    head = len(found.words) - len(found.steps)
    words = [
        *(found.words[:head] if not asked.after else []),
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
        next=cursors.of_position(shown[-1].position) if more else None,
    )


@reads(
    "/accounts/{account_id:str}/balance/explanation", ExplanationPage, scopes=SCOPES,
    problems=(NoSuchAccount, NoSuchFigure), etag=False, tag="explanations",
)  # fmt: skip
async def explain_balance(
    request: Request[Any, Any, Any],
    *,
    account_id: Account,
    figure: FigurePath = None,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    proofs: Proofs = False,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: PositionCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Explain an account's balance, or one lot of it: each event, and what it changed."""
    asked = _asked("account", account_id, figure, (at, as_of, known_at), (proofs, limit, cursor))
    return await _explained(call_of(request), asked, min_position, NoSuchAccount)


@reads(
    "/members/{member_id:str}/explanation", ExplanationPage, scopes=SCOPES,
    problems=(NoSuchMember, NoSuchFigure), etag=False, tag="explanations",
)  # fmt: skip
async def explain_member(
    request: Request[Any, Any, Any],
    *,
    member_id: Member,
    figure: FigurePath = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    proofs: Proofs = False,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: PositionCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Explain a member's profile: a consent, what they bought, how they took part."""
    asked = _asked("member", member_id, figure, (None, as_of, known_at), (proofs, limit, cursor))
    return await _explained(call_of(request), asked, min_position, NoSuchMember)


@reads(
    "/campaigns/{campaign_id:str}/returns/explanation", ExplanationPage, scopes=SCOPES,
    problems=(NoSuchCampaign, NoSuchFigure), etag=False, tag="explanations",
)  # fmt: skip
async def explain_returns(
    request: Request[Any, Any, Any],
    *,
    campaign_id: Campaign,
    figure: FigurePath = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    proofs: Proofs = False,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: PositionCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Explain what a campaign returned, or any part of it: each event, and what it changed."""
    asked = _asked(
        "campaign", campaign_id, figure, (None, as_of, known_at), (proofs, limit, cursor)
    )
    return await _explained(call_of(request), asked, min_position, NoSuchCampaign)


@reads(
    "/members/{member_id:str}/tiers/explanation", ExplanationPage, scopes=SCOPES,
    problems=(NoSuchMember, NoSuchFigure), etag=False, tag="explanations",
)  # fmt: skip
async def explain_tiers(
    request: Request[Any, Any, Any],
    *,
    member_id: Member,
    figure: FigurePath = None,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    proofs: Proofs = False,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: PositionCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Explain a member's tiers: each event that counted, and the terms that it counted under."""
    asked = _asked("tier", member_id, figure, (at, as_of, known_at), (proofs, limit, cursor))
    return await _explained(call_of(request), asked, min_position, NoSuchMember)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    explain_balance, explain_member, explain_returns, explain_tiers,
)  # fmt: skip
