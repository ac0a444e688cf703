"""The load of the participation's slice: members drawn at random, an activation with a limit."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain, count
from typing import Final

from benchmarks.crowd import ACTOR, SOURCE, beginning, bring, enrolled, member
from domain.participations import ParticipationRecorded
from store.ledger import Ledger, NewEvent

MEMBERS: Final = 200_000
SEED: Final = 5

_numbers = count()
_draw = random.Random(SEED).random
"""It goes on from sample to sample: begun anew, it would draw the same few members in each."""


def enrol(ledger: Ledger, members: int, report: Callable[[int], None]) -> None:
    """Plan the campaign and enrol everybody, in bulk."""
    bring(ledger, chain(beginning(), enrolled(members)), lambda done: report(done // 2))


def participation_call(ledger: Ledger, members: int) -> Callable[[], object]:
    """Report one participation and wait until it is judged and durable."""

    def call() -> object:
        number = next(_numbers)
        event = ParticipationRecorded(
            participation_id=f"t{number}", member_id=member(int(_draw() * members)),
            campaign_id="c0", activation_id="quiz0", outcome="finished",
        )  # fmt: skip
        new = NewEvent(event, f"t{number}", SOURCE, datetime.now(UTC))
        [outcome] = ledger.observe([new], actor=ACTOR).result()
        if outcome.error is not None:
            raise outcome.error
        return outcome.position

    return call
