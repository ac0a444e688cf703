"""Reading the journal: what events posted, and the trial balance at a position or an instant."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api import cursors
from api.accounts import Account
from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchAccount
from api.limits import PAGE_DEFAULT
from api.parameters import AsOf, KnownAt, PageLimit, PositionCursor, when as when_of
from api.positions import MinPosition
from projections import journal
from projections.journal import JOURNAL, Entry, Journal, TrialBalance
from projections.known import Rows

AtPosition = Annotated[
    str | None,  # as a number, "null" would be none
    QueryParameter(
        pattern="^[1-9][0-9]{0,15}$",
        description="Answer with the books as they stood at this position, folded from the log.",
    ),
]


@reads("/journal/trial-balance", TrialBalance, tag="points")
async def read_trial_balance(
    request: Request[Any, Any, Any],
    position: AtPosition = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read the trial balance: what stands on each account of the books, by points currency.

    At a `position`, or as known at an instant, it is what was shown then, whatever was voided or
    corrected since.
    """
    call, when = call_of(request), when_of(as_of, known_at)
    query = projected(call, journal.trial_balance, JOURNAL, when=when)

    def then() -> tuple[TrialBalance, int]:
        past = call.served.past(when, until=None if position is None else int(position))
        return journal.trial_balance(past), past.position

    return await call.read(
        query if position is None else then, min_position=min_position, when=when
    )


class JournalPage(msgspec.Struct, frozen=True):
    """One page of an account's journal, in the order in which the events were recorded."""

    account_id: str
    entries: tuple[Entry, ...]
    next: str | None
    """The cursor of the next page; null at the end."""


@reads("/accounts/{account_id:str}/journal", JournalPage, problems=(NoSuchAccount,), tag="accounts")
async def read_account_journal(
    request: Request[Any, Any, Any],
    account_id: Account,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: PositionCursor = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read what each event posted on an account. The postings of each sum to zero."""
    after = cursors.position_of(cursor) or 0

    def page(rows: Rows) -> JournalPage | None:
        found = journal.page(rows, account_id, after, limit)
        if found is None:
            return None
        entries, more = found
        following = cursors.of_position(entries[-1].position) if more else None
        return JournalPage(account_id, entries, following)

    return await call_of(request).read_rows(
        page, JOURNAL, Journal, [account_id],
        when=when_of(as_of, known_at), min_position=min_position, absent=NoSuchAccount,
    )  # fmt: skip


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_trial_balance, read_account_journal)
