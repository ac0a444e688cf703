"""Facts: what the conditions of a rule may speak of, by name, and where each value comes from.

``event.<field>`` are the fields of the rule's trigger, personal ones left out; ``time`` and
``local.*`` are when it happened; ``member.*`` is what the ledger knew of the member before it;
``campaign.*`` and ``activation.*`` are those that the event names. What is not known is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from domain.activations import ActivationTerms
from domain.campaigns import CampaignPlan
from domain.envelope import Envelope
from domain.event import Event
from domain.expressions import EXPRESSIONS_CACHED_MAX, Scope
from domain.shape import shape_of, value_at

Declared = tuple[str, str, bool]

WHEN: Final[tuple[Declared, ...]] = (
    ("time", "timestamp", False),
    ("recorded_at", "timestamp", False),
    ("local.date", "string", False),
    ("local.hour", "int", False),
    ("local.weekday", "int", False),  # 1 is Monday
    ("local.day", "int", False),
    ("local.month", "int", False),
    ("local.year", "int", False),
)
WHO: Final[tuple[Declared, ...]] = (
    ("member.id", "string", True),
    ("member.role", "string", False),
    ("member.enrolled", "bool", False),
    ("member.enrolled_at", "timestamp", True),
    ("member.country", "string", True),
    ("member.language", "string", True),
    ("member.age_band", "string", True),
    ("member.tier", "string", False),
    ("member.purchases", "int", False),
    ("member.spend", "map<string, int>", False),
    ("member.first_contact_at", "timestamp", True),
    ("member.first_purchase_at", "timestamp", True),
    ("member.last_purchase_at", "timestamp", True),
    ("member.participations", "int", False),
    ("member.shares", "int", False),
    ("member.visits", "int", False),
    ("member.contributions", "int", False),
    ("member.referrals", "int", False),
    ("member.consents", "list<string>", False),
    ("member.attributes", "map<string, dyn>", False),
)
WHERE: Final[tuple[Declared, ...]] = (
    ("campaign.id", "string", True),
    ("campaign.planned", "bool", False),
    ("campaign.programme", "string", True),
    ("campaign.starts", "timestamp", True),
    ("campaign.ends", "timestamp", True),
    ("campaign.running", "bool", False),
    ("activation.id", "string", True),
    ("activation.entries_max", "int", True),
)


@cache
def event_scope(trigger: type[Event]) -> Scope:
    """What may be said of an event alone: what a challenge counts, and what opens its window."""
    return Scope(trigger.type_name, (*_declared(trigger), *WHEN))


@cache
def full_scope(trigger: type[Event]) -> Scope:
    """What may be said of an event, the member, the campaign and the activation."""
    return Scope(f"{trigger.type_name}+", (*_declared(trigger), *WHEN, *WHO, *WHERE))


def _declared(trigger: type[Event]) -> Iterator[Declared]:
    for path, kind, nullable in _fields_of(trigger, ()):
        yield ".".join(("event", *path)), kind, nullable


def _fields_of(
    struct: type[msgspec.Struct], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, bool]]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    sealed = {marked.path for marked in shape_of(struct).personal}
    for field in info.fields:
        if (field.name,) not in sealed:
            yield from _field(field.type, (*above, field.name), nullable=bool(above))


def _field(
    kind: inspect.Type, path: tuple[str, ...], *, nullable: bool
) -> Iterator[tuple[tuple[str, ...], str, bool]]:
    match kind:
        case inspect.Metadata(type=inner):
            yield from _field(inner, path, nullable=nullable)
        case inspect.UnionType(types=types):
            rest = [one for one in types if not isinstance(one, inspect.NoneType)]
            if len(rest) == 1:
                yield from _field(rest[0], path, nullable=nullable or len(rest) < len(types))
            else:
                yield path, "dyn", True
        case inspect.StructType(cls=block):
            yield from _fields_of(block, path)
        case inspect.VarTupleType(item_type=item):
            inner = item.type if isinstance(item, inspect.Metadata) else item
            struct = isinstance(inner, inspect.StructType)
            yield path, "list<map<string, dyn>>" if struct else "list<string>", nullable
        case inspect.DictType():
            yield path, "map<string, dyn>", nullable
        case inspect.DateTimeType():
            yield path, "timestamp", nullable
        case inspect.BoolType():
            yield path, "bool", nullable
        case inspect.IntType():
            yield path, "int", nullable
        case inspect.StrType() | inspect.LiteralType():
            yield path, "string", nullable


class Sources(NamedTuple):
    """Where the values of some variables come from: what is told of a name once, not each time."""

    event: tuple[tuple[str, tuple[str, ...]], ...]
    """The variables of the event, each with the fields that lead to it."""
    when: tuple[str, ...]
    member: tuple[tuple[str, str], ...]
    """Those of the member, each with its name without ``member.``; so for the others."""
    campaign: tuple[tuple[str, str], ...]
    activation: tuple[tuple[str, str], ...]


@lru_cache(maxsize=EXPRESSIONS_CACHED_MAX)
def sources_of(names: frozenset[str]) -> Sources:
    """Sort variables by where their values come from."""
    parts = [(name, *name.partition(".")[::2]) for name in sorted(names)]
    return Sources(
        event=tuple(
            (name, tuple(rest.split("."))) for name, root, rest in parts if root == "event"
        ),
        when=tuple(name for name, _, _ in parts if name in _WHEN),
        member=tuple((name, rest) for name, root, rest in parts if root == "member"),
        campaign=tuple((name, rest) for name, root, rest in parts if root == "campaign"),
        activation=tuple((name, rest) for name, root, rest in parts if root == "activation"),
    )


def event_values(names: frozenset[str], event: Event, envelope: Envelope) -> dict[str, Any]:
    """The values of the variables that need nothing but the event."""
    sources = sources_of(names)
    values = {name: _plain(value_at(event, path)) for name, path in sources.event}
    for name in sources.when:
        values[name] = _WHEN[name](envelope)
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    return value


_WHEN: Final[dict[str, Callable[[Envelope], Any]]] = {
    "time": lambda envelope: envelope.time,
    "recorded_at": lambda envelope: envelope.recorded_at,
    "local.date": lambda envelope: envelope.time.date().isoformat(),
    "local.hour": lambda envelope: envelope.time.hour,
    "local.weekday": lambda envelope: envelope.time.isoweekday(),
    "local.day": lambda envelope: envelope.time.day,
    "local.month": lambda envelope: envelope.time.month,
    "local.year": lambda envelope: envelope.time.year,
}


def place_values(
    names: frozenset[str],
    event: Event,
    time: datetime,
    plan: CampaignPlan | None,
    terms: ActivationTerms | None,
) -> dict[str, Any]:
    """The values of ``campaign.*`` and ``activation.*``."""
    sources = sources_of(names)
    values: dict[str, Any] = {}
    if sources.campaign:
        planned = plan is not None and plan.planned
        known = {
            "id": getattr(event, "campaign_id", None),
            "planned": planned,
            "running": plan is not None and planned and plan.holds(time),
        }
        for name, rest in sources.campaign:
            said = getattr(plan, rest) if planned and rest not in known else None
            values[name] = known.get(rest, said)
    if sources.activation:
        id_ = getattr(event, "activation_id", None)
        for name, rest in sources.activation:
            values[name] = id_ if rest == "id" else getattr(terms, rest, None)
    return values
