"""After a backup was brought back: a whole log gets a new epoch, another one is not touched."""

import psycopg
import pytest

from store.database import Database, LedgerUnknown
from store.ledger import Ledger
from store.recover import LogNotWhole


def test_the_epoch_is_raised_each_time(installation: Database, ledger: Ledger) -> None:
    """Above every one before, and nothing else of the head changes."""
    before = ledger.log.head()
    first = installation.recover("test")
    second = installation.recover("test")
    assert before.epoch < first.epoch < second.epoch
    assert second == ledger.log.head() == before._replace(epoch=second.epoch)


def test_a_log_that_is_not_whole_is_refused(
    installation: Database, ledger: Ledger, database: str
) -> None:
    """A head without its entry is no backup; it says what there is."""
    before = ledger.log.head()
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("UPDATE ledger_test.head SET position = position + 1")
    with pytest.raises(LogNotWhole) as refusal:
        installation.recover("test")
    assert refusal.value.context == {"position": 2, "entries": 1, "last_position": 1}
    assert ledger.log.head() == before._replace(position=2)


@pytest.mark.usefixtures("ledger")
def test_a_ledger_that_is_not_there(installation: Database) -> None:
    """Nothing is made."""
    with pytest.raises(LedgerUnknown):
        installation.recover("other")
