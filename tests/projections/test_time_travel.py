"""A row as it was, at any position or as known at any instant."""

from __future__ import annotations

import msgspec

from domain.engagement import VisitRecorded
from domain.ledger import EventVoided
from domain.people import VisitorIdentified
from projections.folding import fold_key
from store.ledger import Ledger
from tests.projections.brand import Brand
from tests.projections.builds import Live
from tests.projections.histories import History
from tests.projections.sample import SAMPLE, Audience, Lots


def test_what_was_known_before_a_void_is_still_shown(brand: Brand) -> None:
    """By position and by the instant at which it was known."""
    log = brand.ledger.log
    first = brand.tell(VisitRecorded(member_id="m_1"))
    second = brand.tell(VisitRecorded(member_id="m_1"))
    void = brand.tell(EventVoided(position=first, reason="wrong"))
    recorded = log.entry(void)
    assert recorded is not None
    assert fold_key(log, Audience, "m_1").trace == [second]
    assert fold_key(log, Audience, "m_1", until=second).trace == [first, second]
    at = recorded.envelope.recorded_at
    assert fold_key(log, Audience, "m_1", known_at=at).trace == [first, second]
    assert fold_key(log, Audience, "m_1", until=first - 1) is None


def test_what_was_known_before_an_identification_is_still_shown(brand: Brand) -> None:
    """Before it, the visitor was somebody else."""
    log = brand.ledger.log
    visit = brand.tell(VisitRecorded(visitor_id="v_1"))
    identified = brand.tell(VisitorIdentified(visitor_id="v_1", member_id="m_1"))
    assert fold_key(log, Audience, "m_1").trace == [visit, identified]
    assert fold_key(log, Audience, "visitor:v_1") is None
    assert fold_key(log, Audience, "m_1", until=visit) is None
    assert fold_key(log, Audience, "visitor:v_1", until=visit).trace == [visit]


def test_every_row_of_the_tables_can_be_had_for_every_prefix(ledger: Ledger) -> None:
    """Folding one key over a prefix gives what the table held when it was there."""
    with ledger.connect() as connection:
        live = Live(ledger, connection, SAMPLE)
        held: dict[int, dict[str, dict[str, object]]] = {}
        for number, head in enumerate(History(31).record(ledger, 150)):
            live.follow(head)
            if number % 9 == 0:
                held[head] = live.rows()
    for head, tables in held.items():
        for fold in (Audience, Lots):
            for key, row in tables[fold.table].items():
                then = fold_key(ledger.log, fold, key, until=head)
                assert msgspec.json.decode(msgspec.json.encode(then)) == row
