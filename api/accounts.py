"""Reading accounts: the balance at a stated instant, several at once, and the statement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api import cursors
from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchAccount
from api.limits import IDS_MAX, PAGE_DEFAULT
from api.parameters import (
    AsOf,
    At,
    KnownAt,
    LineCursor,
    PageLimit,
    identifier,
    instant,
    when as when_of,
)
from api.positions import MinPosition
from domain.types import AccountID
from projections import balances, statements
from projections.known import Rows
from projections.reader import Reader

Account = Annotated[str, identifier("The account's id.")]
Accounts = Annotated[
    list[AccountID],
    QueryParameter(min_items=1, max_items=IDS_MAX, description="Ids of accounts."),
]


class SeveralBalances(msgspec.Struct, frozen=True):
    """The balances of several accounts."""

    balances: list[balances.Balance]
    missing: list[str]
    """Ids that no event ever spoke of."""


@reads(
    "/accounts/{account_id:str}/balance", balances.Balance, problems=(NoSuchAccount,),
    tag="accounts",
)  # fmt: skip
async def read_balance(
    request: Request[Any, Any, Any],
    account_id: Account,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read an account's balance at a stated instant, in all and lot by lot.

    With `known_at` alone, it is the balance that was shown at that instant; with `as_of`, the one
    that it had, as is known now.
    """
    call = call_of(request)
    when = when_of(as_of, known_at)
    stated = instant("at", at) or when.shown_at

    def balance(rows: Rows) -> balances.Balance | None:
        return balances.balance(rows, account_id, stated or datetime.now(UTC))

    return await call.read_rows(
        balance,
        balances.BALANCES,
        balances.Balances,
        [account_id],
        when=when,
        min_position=min_position,
        absent=NoSuchAccount,
        instant=lambda balance: balance.at,
    )


@reads("/accounts", SeveralBalances, tag="accounts")
async def read_balances(
    request: Request[Any, Any, Any],
    account_id: Accounts,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read several accounts' balances in one call."""
    call = call_of(request)
    wanted = list(dict.fromkeys(account_id))
    when = when_of(as_of, known_at)
    stated = instant("at", at) or when.shown_at

    def several(rows: Rows) -> SeveralBalances:
        now = stated or datetime.now(UTC)
        found = rows.rows(balances.Balances, wanted)
        return SeveralBalances(
            [balances.balance_of(found[name], now) for name in wanted if name in found],
            [name for name in wanted if name not in found],
        )

    return await call.read_rows(
        several,
        balances.BALANCES,
        balances.Balances,
        wanted,
        when=when,
        min_position=min_position,
        instant=lambda answer: answer.balances[0].at if answer.balances else None,
    )


@reads(
    "/accounts/{account_id:str}/statement", statements.Statement, problems=(NoSuchAccount,),
    tag="accounts",
)  # fmt: skip
async def read_statement(
    request: Request[Any, Any, Any],
    account_id: Account,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: LineCursor = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read an account's statement: every movement of points by time, with the running balance."""
    call, when = call_of(request), when_of(as_of, known_at)
    after = cursors.line_of(cursor, account_id)

    def statement(reader: Reader) -> statements.Statement | None:
        page = statements.page(reader, account_id, after, limit)
        if not page.lines and reader.row(balances.Balances, account_id) is None:
            return None
        return msgspec.structs.replace(page, next=page.next and cursors.of_line(page.next))

    query = projected(call, statement, statements.STATEMENTS, balances.BALANCES, when=when)
    return await call.read(query, min_position=min_position, absent=NoSuchAccount, when=when)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_balance, read_balances, read_statement)
