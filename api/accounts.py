"""Reading accounts: the balance at a stated instant, several at once, and the statement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from api import cursors
from api.call import Call, as_known, projected
from api.described import reads
from api.errors import NoSuchAccount
from api.limits import IDS_MAX, PAGE_DEFAULT
from api.parameters import At, KnownAt, LineCursor, PageLimit, identifier, instant
from api.positions import MinPosition
from domain.types import TIME_FLOOR, AccountID
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
    call: NamedDependency[Call],
    account_id: Account,
    at: At = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read an account's balance at a stated instant, in all and lot by lot.

    With `known_at` alone, it is the balance that was shown at that instant.
    """
    known = instant("known_at", known_at)
    stated = instant("at", at) or known

    def balance(rows: Rows) -> balances.Balance | None:
        return balances.balance(rows, account_id, stated or datetime.now(UTC))

    return await call.read(
        as_known(call, balance, known, balances.BALANCES),
        min_position=min_position,
        absent=NoSuchAccount,
        timeless=_timeless,
        past=known is not None,
    )


def _timeless(balance: balances.Balance) -> balances.Balance:
    return msgspec.structs.replace(balance, at=TIME_FLOOR)


@reads("/accounts", SeveralBalances, tag="accounts")
async def read_balances(
    call: NamedDependency[Call],
    account_id: Accounts,
    at: At = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read several accounts' balances in one call."""
    wanted = list(dict.fromkeys(account_id))
    stated = instant("at", at)

    def several(reader: Reader) -> SeveralBalances:
        now = stated or datetime.now(UTC)
        rows = reader.rows(balances.Balances, wanted)
        return SeveralBalances(
            [balances.balance_of(rows[name], now) for name in wanted if name in rows],
            [name for name in wanted if name not in rows],
        )

    def timeless(answer: SeveralBalances) -> SeveralBalances:
        held = [_timeless(one) for one in answer.balances]
        return msgspec.structs.replace(answer, balances=held)

    query = projected(call, several, balances.BALANCES)
    return await call.read(query, min_position=min_position, timeless=timeless)


@reads(
    "/accounts/{account_id:str}/statement", statements.Statement, problems=(NoSuchAccount,),
    tag="accounts",
)  # fmt: skip
async def read_statement(
    call: NamedDependency[Call],
    account_id: Account,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: LineCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read an account's statement: every movement of points by time, with the running balance."""
    after = cursors.line_of(cursor, account_id)

    def statement(reader: Reader) -> statements.Statement | None:
        page = statements.page(reader, account_id, after, limit)
        if not page.lines and reader.row(balances.Balances, account_id) is None:
            return None
        return msgspec.structs.replace(page, next=page.next and cursors.of_line(page.next))

    query = projected(call, statement, statements.STATEMENTS, balances.BALANCES)
    return await call.read(query, min_position=min_position, absent=NoSuchAccount)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (read_balance, read_balances, read_statement)
