"""The recorder: the library's own test case, and what the library's own recorder gets wrong."""

import threading
from inspect import getsource
from itertools import islice

import pytest
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem
from eventsourcing.dcb.tests import DCBRecorderTestCase
from eventsourcing.persistence import IntegrityError, ProgrammingError

from store.ledger import Ledger


class LibraryCase(DCBRecorderTestCase):
    """The test case that the library ships for recorders."""

    def runTest(self) -> None:  # noqa: N802 - unittest's name
        """Only its helper methods are used."""


OPENING = 1
"""The ledger's opening stands at position 1."""


def test_append_and_read_as_the_library_says(ledger: Ledger) -> None:
    """Everything that the library expects of appending and reading holds."""
    LibraryCase()._test_append_read(ledger.recorder, initial_position=OPENING)


def test_subscribe_as_the_library_says(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the library expects of subscribing holds, on a busy machine too."""
    wait = threading.Event.wait
    # It waits one second for what is to come, and half of one for what is not.
    monkeypatch.setattr(
        threading.Event, "wait",
        lambda event, timeout=None: wait(event, 60 if timeout == 1 else timeout),
    )  # fmt: skip
    assert "wait(timeout=1)" in getsource(DCBRecorderTestCase._test_append_subscribe)
    LibraryCase()._test_append_subscribe(ledger.recorder, initial_position=OPENING)


def test_nothing_to_append_is_an_error(ledger: Ledger) -> None:
    """Appending nothing is a mistake of the caller, and is said."""
    with pytest.raises(ProgrammingError):
        ledger.recorder.append([])


def test_a_subscription_to_several_types_at_once(ledger: Ledger) -> None:
    """Several types without tags, which the library's own recorder refuses."""
    for name in ("a", "b", "c", "a"):
        ledger.recorder.append([DCBEvent(type=name, data=b"")])
    query = DCBQuery([DCBQueryItem(types=["a", "b"])])
    with ledger.recorder.subscribe(query) as subscription:
        assert [s.event.type for s in islice(subscription, 3)] == ["a", "b", "a"]


def test_a_stopped_subscription_ends(ledger: Ledger) -> None:
    """A subscription that waits at the head ends when it is stopped."""
    subscription = ledger.recorder.subscribe(after=OPENING)
    with subscription:
        timer = threading.Timer(0.1, subscription.stop)
        timer.start()
        assert list(subscription) == []
        timer.join()


def test_one_of_many_that_race_for_a_tag_wins(ledger: Ledger) -> None:
    """64 callers race for 8 tags under a condition: exactly 8 of them win, one for each tag."""
    won: list[str] = []
    barrier = threading.Barrier(64)

    def race(tag: str) -> None:
        barrier.wait()
        condition = DCBAppendCondition(DCBQuery([DCBQueryItem(types=["won"], tags=[tag])]))
        try:
            ledger.recorder.append([DCBEvent(type="won", data=b"", tags=[tag])], condition)
        except IntegrityError:
            return
        won.append(tag)

    threads = [threading.Thread(target=race, args=(f"tag{n % 8}",)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f"tag{n}" for n in range(8)] == sorted(won)


def test_appends_can_be_queued_and_awaited_later(ledger: Ledger) -> None:
    """Queued appends are answered in their order; one that a condition refuses, with its error."""
    event = DCBEvent(type="queued", data=b"", tags=["one"])
    condition = DCBAppendCondition(DCBQuery([DCBQueryItem(types=["queued"], tags=["one"])]))
    replies = [ledger.recorder.queue([event], given) for given in (None, condition, None)]
    assert replies[0].result() == OPENING + 1
    assert isinstance(replies[1].exception(), IntegrityError)
    assert replies[2].result() == OPENING + 2


def test_a_limited_read_says_where_it_ended(ledger: Ledger) -> None:
    """The head of a limited read is the position of its last event, also when asked first."""
    for n in range(5):
        ledger.recorder.append([DCBEvent(type="t", data=str(n).encode())])
    response = ledger.recorder.read(after=OPENING, limit=2)
    assert response.head == OPENING + 2
    assert [sequenced.event.data for sequenced in response] == [b"0", b"1"]
