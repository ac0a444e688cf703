"""The loads of the benchmarks are what the benchmarks say that they are."""

from benchmarks.participation_load import participation_call
from domain.participations import ParticipationRecorded
from store.ledger import Ledger

CALLS = 20


def test_each_sample_draws_members_of_its_own(ledger: Ledger) -> None:
    """None begins the draw anew, which would give the same members another participation each."""
    for _ in range(2):
        call = participation_call(ledger, 1_000_000)
        for _ in range(CALLS):
            call()
    events = [recorded.event for recorded in ledger.log.read()]
    drawn = [one.member_id for one in events if isinstance(one, ParticipationRecorded)]
    assert len(drawn) == 2 * CALLS
    assert drawn[:CALLS] != drawn[CALLS:]
