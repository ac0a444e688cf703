"""Reading what rules gave: awards, members, points, cost and sales, by version and campaign."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchRule
from api.parameters import AsOf, KnownAt, when as when_of
from api.positions import MinPosition
from api.rules import RuleName
from projections import rule_performance
from projections.reader import Reader
from projections.rule_performance import RULE_PERFORMANCE, RulePerformance, RulePerformanceList
from store.explaining import rules_of


@reads("/rule-performance", RulePerformanceList, tag="rules")
async def list_rule_performance(
    request: Request[Any, Any, Any],
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List what rules gave: awards, members, points, cost, and the sales that earned them.

    Rules of another system whose awards were imported are among them.
    """
    when = when_of(as_of, known_at)
    query = projected(call_of(request), rule_performance.performances, RULE_PERFORMANCE, when=when)
    return await call_of(request).read(query, min_position=min_position, when=when)


@reads("/rules/{rule_id:str}/performance", RulePerformance, problems=(NoSuchRule,), tag="rules")
async def read_rule_performance(
    request: Request[Any, Any, Any],
    rule_id: RuleName,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read what a rule gave, by version and by campaign.

    What it looked at and gave nothing for is not in the log: ask for the explanation of an event.
    """
    call, when = call_of(request), when_of(as_of, known_at)

    def found(reader: Reader) -> RulePerformance | None:
        given = rule_performance.performance(reader, rule_id)
        if given is None and rule_id in rules_of(call.ledger.log, reader.position).rules:
            return rule_performance.nothing(rule_id)
        return given

    return await call.read(
        projected(call, found, RULE_PERFORMANCE, when=when),
        when=when, min_position=min_position, absent=NoSuchRule,
    )  # fmt: skip


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (list_rule_performance, read_rule_performance)
