"""Triggers: which events may earn points, and whom each of them speaks of."""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from domain.errors import RuleError
from domain.event import Event, event_classes
from domain.rule_terms import Role, RuleTerms

ROLE_FIELDS: Final[dict[Role, str]] = {
    "member": "member_id",
    "advocate": "advocate_id",
    "referee": "referee_id",
}
"""The field of an event that names the member in each role."""
NEVER: Final = frozenset(
    {
        "ledger.opened", "event.voided", "batch.voided", "return.matched", "purchase.returned",
        "participation.disqualified", "referral.voided", "member.erased", "members.merged",
        "members.unmerged", "reward.withdrawn",
    }
)  # fmt: skip
"""Corrections, and what the ledger decides of itself: nobody earns by them. Nor by movements of
points, nor by what is said of rules: an award never leads to another one."""
NEVER_NOUNS: Final = frozenset({"points", "rule"})


class TriggerUnknown(RuleError):
    """No event of this type can earn points; use one such as ``purchase.recorded``."""


def trigger_name(event_class: type[Event]) -> str:
    """The name of a type of event without its version: ``purchase.recorded``."""
    return event_class.type_name.rpartition(".")[0]


@cache
def triggers() -> dict[str, type[Event]]:
    """The types of event that may earn points, by name."""
    return {
        name: one
        for one in event_classes().values()
        if (name := trigger_name(one)) not in NEVER
        and name.partition(".")[0] not in NEVER_NOUNS
        and _fields(one) & {*ROLE_FIELDS.values(), "account_id"}
    }


def _fields(event_class: type[Event]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(event_class)}


def trigger_class(name: str) -> type[Event]:
    """The class of a trigger. Raises TriggerUnknown."""
    found = triggers().get(name)
    if found is None:
        raise TriggerUnknown(f"no event of the type {name} can earn points", trigger=name)
    return found


def names_role(event_class: type[Event], role: Role) -> bool:
    """Whether an event of this class can say who has a role."""
    fields = _fields(event_class)
    return ROLE_FIELDS[role] in fields or (role == "member" and "account_id" in fields)


def who(event: Event, role: Role) -> str | None:
    """The member who has a role in an event."""
    found: str | None = getattr(event, ROLE_FIELDS[role], None)
    return found


def counts_over_time(terms: RuleTerms) -> bool:
    """Whether a rule looks at more than the event at hand."""
    return terms.kind in {"challenge", "streak", "first_ever"}
