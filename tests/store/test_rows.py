"""The rows of an entry: the same for the smallest and the largest batch, and what its JSON says."""

from hashlib import sha256
from typing import Any

import msgspec
import psycopg
from eventsourcing.dcb.api import DCBEvent

from store.connections import connect_to
from store.ledger import Ledger

EVENTS = 300


def rows_of(database: str, ledger: Ledger) -> tuple[list[Any], set[Any], set[Any]]:
    """What the three tables hold of everything but the opening."""
    with connect_to(database, f"ledger_{ledger.name}") as connection:
        entries = connection.execute(
            "SELECT position, name, time, recorded_at, entry FROM entries"
            " JOIN types ON id = type WHERE position > 1 ORDER BY position"
        ).fetchall()
        tags = connection.execute(
            "SELECT hash, name, position FROM tags JOIN types ON id = type WHERE position > 1"
        ).fetchall()
        origins = connection.execute("SELECT key, position FROM origins WHERE position > 1")
        return entries, set(tags), set(origins.fetchall())


def said_by(entries: list[Any]) -> tuple[set[Any], set[Any]]:
    """The tags and origins that the entries' JSON says, by ways of its own."""
    tags, origins = set(), set()
    for position, name, _, _, entry in entries:
        said = msgspec.json.decode(entry)
        for tag in msgspec.json.decode(said["tags"]):
            digest = sha256(tag.encode()).digest()
            tags.add((int.from_bytes(digest[:8], "big", signed=True), name, position))
        origin = sha256(f"{said['source']}\0{said['id']}".encode()).digest()
        origins.add((origin[:16], position))
    return tags, origins


def test_small_and_large_batches_make_the_same_rows(ledger: Ledger, database: str) -> None:
    """One by one or all at once: every entry has the rows that its JSON asks for."""
    events = [
        DCBEvent(type=f"kind{n % 3}", data=bytes([n % 256]), tags=[f"a:{n % 7}", f"b:{n}", "c:1"])
        for n in range(EVENTS)
    ]
    for event in events:
        ledger.recorder.append([event])
    ledger.recorder.append(events)
    entries, tags, origins = rows_of(database, ledger)
    assert [position for position, *_ in entries] == list(range(2, 2 + 2 * EVENTS))
    assert (tags, {(key.bytes, position) for key, position in origins}) == said_by(entries)
    for _, name, time, recorded_at, entry in entries:
        said = msgspec.json.decode(entry)
        assert said["type"] == name
        stamp = msgspec.json.encode(recorded_at).decode().strip('"')
        assert said["recordedat"] == said["time"] == stamp
        assert time == recorded_at
    one_by_one, together = entries[:EVENTS], entries[EVENTS:]
    assert [_content(row) for row in one_by_one] == [_content(row) for row in together]


def _content(row: Any) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.json.decode(row[4])
    return {name: said[name] for name in ("type", "tags", "data_base64")}


def test_a_tag_that_is_said_twice_has_one_row(ledger: Ledger, database: str) -> None:
    """An event carries a tag or does not."""
    ledger.recorder.append([DCBEvent(type="t", data=b"", tags=["a:1", "a:1"])])
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT count(*) FROM ledger_test.tags WHERE position = 2")
        assert found.fetchone() == (1,)
