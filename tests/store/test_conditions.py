"""Conditions of the library's appends: what stands in the way, whoever recorded it."""

import pytest
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem
from eventsourcing.persistence import IntegrityError, ProgrammingError

from store.database import Database
from store.ledger import Ledger

OPENING = 1


def append(ledger: Ledger, kind: str, *tags: str, unless: DCBQueryItem | None = None) -> int:
    """Append one event, unless something matches."""
    event = DCBEvent(type=kind, data=b"", tags=list(tags))
    if unless is None:
        return ledger.recorder.append([event])
    condition = DCBAppendCondition(fail_if_events_match=DCBQuery(items=[unless]), after=OPENING)
    return ledger.recorder.append([event], condition)


@pytest.mark.parametrize(
    "item",
    [
        DCBQueryItem(types=["fresh"], tags=["a:1"]),
        DCBQueryItem(types=["other", "fresh"], tags=["b:1", "a:1"]),
        DCBQueryItem(types=[], tags=["a:1"]),
        DCBQueryItem(types=["fresh"], tags=[]),
        DCBQueryItem(types=[], tags=[]),
    ],
    ids=["type and tag", "types and tags", "tag", "type", "anything"],
)
def test_a_type_that_another_process_brought_stands_in_the_way(
    ledger: Ledger, installation: Database, item: DCBQueryItem
) -> None:
    """A process that has never seen the type finds its events all the same."""
    other = installation.open("test")
    append(other, "early", "c:1")  # from here on it knows the types that there were
    append(ledger, "fresh", "a:1", "b:1")
    with pytest.raises(IntegrityError):
        append(other, "fresh", "a:1", unless=item)
    other.close()


@pytest.mark.parametrize(
    "item",
    [
        DCBQueryItem(types=["never"], tags=["a:1"]),
        DCBQueryItem(types=["fresh"], tags=["a:2"]),
        DCBQueryItem(types=["fresh"], tags=["a:1", "a:2"]),
        DCBQueryItem(types=["never"], tags=[]),
    ],
    ids=["another type", "another tag", "one tag of two", "another type, no tag"],
)
def test_what_does_not_match_stands_in_nobodys_way(ledger: Ledger, item: DCBQueryItem) -> None:
    """An event stands in the way by its type and all of the tags, and by nothing less."""
    first = append(ledger, "fresh", "a:1", "b:1")
    assert append(ledger, "fresh", "a:1", unless=item) == first + 1


def test_one_match_of_several_items_is_enough(ledger: Ledger) -> None:
    """Items are alternatives."""
    append(ledger, "fresh", "a:1")
    items = [DCBQueryItem(types=["fresh"], tags=[tag]) for tag in ("a:9", "a:1")]
    condition = DCBAppendCondition(fail_if_events_match=DCBQuery(items=items))
    with pytest.raises(IntegrityError):
        ledger.recorder.append([DCBEvent(type="fresh", data=b"")], condition)


@pytest.mark.parametrize(
    "item",
    [
        DCBQueryItem(types=["fresh"], tags=["\ud800"]),
        DCBQueryItem(types=["\ud800"], tags=["a:1"]),
        DCBQueryItem(types=["fresh"], tags=["a:1", "\ud800"]),
    ],
    ids=["tag", "type", "another tag"],
)
def test_what_cannot_be_looked_for_is_refused_before_it_meets_others(
    ledger: Ledger, item: DCBQueryItem
) -> None:
    """Half of a pair of UTF-16 has no bytes: whoever names it is told, and nobody else is."""
    with pytest.raises(ProgrammingError, match="not valid Unicode"):
        append(ledger, "fresh", "a:1", unless=item)
    assert append(ledger, "fresh", "a:1") == OPENING + 1
