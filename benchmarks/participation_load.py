"""The load of the participation's slice: members drawn at random, an activation with a limit."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain, count
from typing import Final

from benchmarks.crowd import ACTOR, SOURCE, beginning, bring, enrolled, member
from domain.participations import ParticipationRecorded
from store.ledger import Ledger, NewEvent, Outcome
from store.reply import Reply

MEMBERS: Final = 200_000
SEED: Final = 5

_numbers = count()
_draw = random.Random(SEED).random
"""It goes on from sample to sample: begun anew, it would draw the same few members in each."""


def enrol(ledger: Ledger, members: int, report: Callable[[int], None]) -> None:
    """Plan the campaign and enrol everybody, in bulk."""
    bring(ledger, chain(beginning(), enrolled(members)), lambda done: report(done // 2))


def participation_ask(ledger: Ledger, members: int) -> Callable[[], Reply[list[Outcome]]]:
    """Report one participation; the reply comes when it is judged and durable."""

    def ask() -> Reply[list[Outcome]]:
        number = next(_numbers)
        event = ParticipationRecorded(
            participation_id=f"t{number}", member_id=member(int(_draw() * members)),
            campaign_id="c0", activation_id="quiz0", outcome="finished",
        )  # fmt: skip
        new = NewEvent(event, f"t{number}", SOURCE, datetime.now(UTC))
        return ledger.observe([new], actor=ACTOR)

    return ask


def participation_call(ledger: Ledger, members: int) -> Callable[[], object]:
    """The same, and wait for the reply."""
    ask = participation_ask(ledger, members)
    return lambda: recorded(ask().result())


def recorded(outcomes: list[Outcome]) -> None:
    """Raise the error of what was not recorded: it must not count."""
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
