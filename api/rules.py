"""Rules over HTTP: which there are, and what an event would earn now or under others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from api import cursors
from api.answers import JSON
from api.bodies import body_of, decoded
from api.call import call_of
from api.cloudevents import refuse_ahead
from api.deciding import decides
from api.described import looks_up, reads
from api.errors import NoSuchRule, SimulationTooLarge, TimeAhead
from api.limits import PAGE_DEFAULT, SIMULATED_EVENTS_MAX, SIMULATED_RULES_MAX
from api.parameters import KeyCursor, PageLimit, identifier
from api.positions import MinPosition
from api.schemas import asked_schema
from domain import declaring, publishing
from domain.errors import InvalidEvent
from domain.event import check_times, known
from domain.publishing import check_terms
from domain.rule_terms import RuleTerms
from domain.rules import Rule, RuleID
from domain.triggers import TriggerUnknown, trigger_class
from domain.types import Instant
from store.explaining import Preview, previewed, rules_of
from store.simulated import SimulationReport, rules_from
from store.simulating import Simulation, window

RuleName = Annotated[str, identifier("The rule's id.")]


class ShownVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a rule."""

    version: int
    begins: datetime
    """In force for what happens from this instant on."""
    position: int
    """Where it was published."""
    terms: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]
    """All that it says, as it was published."""


class ShownRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with all of its versions, the latest last."""

    rule_id: str
    retired_at: datetime | None
    versions: list[ShownVersion]


class RulePage(msgspec.Struct, frozen=True):
    """A page of rules, by id."""

    rules: list[ShownRule]
    next: str | None
    """The cursor of the next page; null at the end."""


class AskedEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event that did not happen, of which somebody wants to know what it would earn."""

    type: Annotated[str, Meta(max_length=100)]
    """The stored name of the event: ``purchase.recorded.v1``."""
    time: Instant | None = None
    """When it would happen; if it is not given, now."""
    data: msgspec.Raw
    """The event itself, of the schema of its type."""


class AskedSimulation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rules to replay which part of the history under."""

    rules: Annotated[dict[RuleID, RuleTerms], Meta(max_length=SIMULATED_RULES_MAX)] | None = None
    """The terms of each rule, by its id; they take the place of all rules of the history. A rule
    without ``valid_from`` has always been in force."""
    recorded_from: Instant | None = None
    """What was recorded from then on; if it is not given, from the beginning."""
    recorded_until: Instant | None = None
    """What was recorded before then; if it is not given, up to now."""
    keep_imported: bool = False
    """Keep what another system gave by rules of its own, and was imported: without it these rules
    take its place."""


SIMULATION_PROBLEMS: Final = (
    SimulationTooLarge, TriggerUnknown, publishing.ExpressionInvalid,
    publishing.ExpressionTooCostly, publishing.RuleTermsContradict,
)  # fmt: skip


def _shown(rule_id: str, rule: Rule) -> ShownRule:
    return ShownRule(
        rule_id=rule_id,
        retired_at=rule.retired_at,
        versions=[
            ShownVersion(
                version=one.version,
                begins=one.begins,
                position=one.position,
                terms=msgspec.Raw(msgspec.json.encode(one.terms)),
            )
            for one in rule.versions
        ],
    )


@reads("/rules", RulePage, tag="rules")
async def list_rules(
    request: Request[Any, Any, Any],
    limit: PageLimit = PAGE_DEFAULT,
    cursor: KeyCursor = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List the rules by which points are earned, with all their versions."""
    call = call_of(request)
    after = cursors.key_of(cursor)

    def page() -> tuple[RulePage, int]:
        head = call.served.head().position
        found = sorted(rules_of(call.ledger.log, head).rules.items())
        rest = [one for one in found if after is None or one[0] > after]
        shown = [_shown(*one) for one in rest[:limit]]
        more = len(rest) > limit
        return RulePage(shown, cursors.of_key(shown[-1].rule_id) if more else None), head

    return await call.read(page, min_position=min_position)


@reads("/rules/{rule_id:str}", ShownRule, problems=(NoSuchRule,), tag="rules")
async def read_rule(
    request: Request[Any, Any, Any], rule_id: RuleName, min_position: MinPosition = None
) -> Response[bytes]:
    """Read a rule with all of its versions."""
    call = call_of(request)

    def one() -> tuple[ShownRule | None, int]:
        head = call.served.head().position
        rule = rules_of(call.ledger.log, head).rules.get(rule_id)
        return None if rule is None else _shown(rule_id, rule), head

    return await call.read(one, min_position=min_position, absent=NoSuchRule)


@looks_up(
    "/previews", Preview, asked_schema, problems=(TriggerUnknown, InvalidEvent, TimeAhead),
    tag="rules",
)  # fmt: skip
async def preview_awards(
    request: Request[Any, Any, Any], min_position: MinPosition = None
) -> Response[bytes]:
    """Ask what a basket or an action would earn now, and why. Nothing is written."""
    call = call_of(request)
    asked = decoded(await body_of(call.request, JSON), _asked)
    refuse_ahead(asked.time)
    form = known(asked.type)
    event_class = trigger_class(asked.type.rpartition(".")[0])
    if form is None or form.event_class is not event_class:
        raise TriggerUnknown(f"no event of the type {asked.type} can earn points")
    event = decoded(bytes(asked.data), form.decode, "/data")
    check_times(event)

    def preview() -> tuple[Preview, int]:
        head = call.served.head().position
        log, now = call.ledger.log, datetime.now(UTC)
        return previewed(log, event, until=head, time=asked.time, now=now), head

    return await call.read(preview, min_position=min_position, etag=False)


@looks_up(
    "/simulations", SimulationReport, AskedSimulation, problems=SIMULATION_PROBLEMS, tag="rules"
)
async def simulate_rules(
    request: Request[Any, Any, Any], min_position: MinPosition = None
) -> Response[bytes]:
    """Replay a window of history under other rules, and read who would have other points.

    Nothing is written. Without rules they are those of the history, as it published them: then the
    difference is zero for everybody.
    """
    call = call_of(request)
    asked = decoded(await body_of(call.request, JSON), _simulation)
    for said in (asked.rules or {}).values():
        check_terms(said)

    def simulate() -> tuple[SimulationReport, int]:
        head, log = call.served.head().position, call.ledger.log
        after, until = window(log, asked.recorded_from, asked.recorded_until)
        if until - after > SIMULATED_EVENTS_MAX:
            raise SimulationTooLarge(events=until - after, events_max=SIMULATED_EVENTS_MAX)
        rules = None if asked.rules is None else rules_from(asked.rules)
        kept = asked.keep_imported
        simulation = Simulation(log, rules, after=after, until=until, keep_imported=kept)
        return simulation.run(), head

    return await call.read(simulate, min_position=min_position, etag=False)


_simulation: Final = msgspec.json.Decoder(AskedSimulation).decode
_asked: Final = msgspec.json.Decoder(AskedEvent).decode

HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    decides("/custom-kinds", declaring.DeclareCustomKind, tag="events"),
    decides("/rules", publishing.PublishRule, tag="rules"),
    decides("/rules/{rule_id:str}/amendments", publishing.AmendRule, tag="rules"),
    decides("/rules/{rule_id:str}/retirement", publishing.RetireRule, tag="rules"),
    list_rules, read_rule, preview_awards, simulate_rules,
)  # fmt: skip
