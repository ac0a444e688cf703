"""The load of rules: many that look at each participation, of which one awards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from benchmarks.crowd import ACTOR
from domain.publishing import PublishRule
from domain.rule_terms import RuleTerms
from store.ledger import Ledger

RULES: Final = 50


def publish(ledger: Ledger, count: int) -> None:
    """Publish so many rules that look at every participation; the first gives a point.

    No text in their conditions tells them apart, so that each of them is evaluated every time.
    """
    for n in range(count):
        terms = RuleTerms(
            programme="circle",
            points_currency="points",
            trigger="participation.recorded",
            kind="per_event",
            condition=f"event.outcome == 'finished' && size(event.campaign_id) == {2 + n}",
            points="1",
            valid_from=datetime(2020, 1, 1, tzinfo=UTC),
        )
        command = PublishRule(rule_id=f"rule-{n}", terms=terms)
        ledger.decide(command, command_id=f"rule-{n}", actor=ACTOR).result()
