"""Findings: what a rule gave for an event, or which condition, limit or validity stopped it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from domain.expressions import Fault
from domain.rules import RuleVersion


class Refusal(NamedTuple):
    """Why a rule gives nothing."""

    reason: str
    detail: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule gave for an event, or why it gave nothing."""

    rule_id: str
    rule_version: int
    name: str | None = None
    role: str = "member"
    """As whom the member was looked at: of a referral ``advocate`` or ``referee``."""
    member_id: str | None = None
    account_id: str | None = None
    points: int = 0
    reason: str
    """``awarded``, or what stopped it: ``not_in_force``, ``condition``, ``eligibility``, ``fault``,
    ``no_window``, ``threshold``, ``streak``, ``not_first``, ``no_points``, ``currency``,
    ``no_member``, ``no_account``, ``awards_limit``, ``points_limit``, ``cooldown``,
    ``programme_limit``, ``budget``, ``awards_per_event``, ``repeated``, ``disqualified``,
    ``continued``."""
    detail: str = ""
    """The same for people, with the figures."""


def finding(version: RuleVersion, refusal: Refusal, **more: Any) -> Finding:
    """What is said of a version of a rule."""
    return Finding(
        rule_id=version.rule_id,
        rule_version=version.version,
        name=version.terms.name,
        reason=refusal.reason,
        detail=refusal.detail,
        **more,
    )


def untrue(reason: str, text: str | None, value: Any) -> Refusal:
    """Why a condition lets nothing through: it is not true, or has no value."""
    if isinstance(value, Fault):
        return Refusal("fault", f"{reason}: {value.detail}")
    return Refusal(reason, f"not true: {text}" if text else "")
