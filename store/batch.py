"""One batch: what is decided and committed together, each part seeing what came before it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Final

import psycopg

from domain.envelope import Recorded, decode_entry, difference, stored_attributes
from domain.errors import ContentDiffers
from domain.event import Event, validated
from store.boundary import Views
from store.draft import Draft, make_draft
from store.log import Head
from store.query import Query
from store.rows import Row

if TYPE_CHECKING:
    from store.requests import Guarded

READ_ON_SQL: Final = """
SELECT position, entry FROM entries WHERE position > %s ORDER BY position LIMIT 100
"""


class Batch:
    """The events that a batch has accepted so far, on top of the head that it has locked."""

    def __init__(
        self,
        head: Head,
        views: Views,
        firsts: dict[bytes, tuple[int, bytes]],
        voided_batches: Collection[str],
        read_on: Callable[[int], Iterator[tuple[int, bytes]]],
    ) -> None:
        self.head = head
        self.now: datetime = head.recorded_at
        self.views = views
        self.drafts: list[Draft] = []
        self.voiding = False
        """Something was taken back: what is asked after it waits for the next batch."""
        self.folding = False
        """True while views take in accepted events: an error then spoils the whole batch."""
        self.voided_batches = voided_batches
        self._firsts = firsts
        self._read_on = read_on

    @property
    def next_position(self) -> int:
        """Where the next accepted event will stand."""
        return self.head.position + len(self.drafts) + 1

    def draft(
        self,
        event: Event,
        *,
        id: str,  # noqa: A002 - the attribute's name in CloudEvents
        source: str,
        time: datetime,
        actor: str,
        offset: int = 0,
        cause: int | None = None,
        batch: str | None = None,
        command: str | None = None,
        origin: bytes | None = None,
    ) -> Draft:
        """Make the entry for the place ``offset`` after the next; nothing is accepted yet."""
        if origin is None:
            event = validated(event)
        return make_draft(
            event,
            position=self.next_position + offset,
            id=id,
            source=source,
            time=time,
            now=self.now,
            actor=actor,
            cause=cause,
            batch=batch,
            command=command,
            origin=origin,
        )

    def first(self, origin: bytes, entry: bytes) -> int | None:
        """Where this source and id were recorded first, or None.

        Raises ContentDiffers, naming what differs, if the first one says something else.
        """
        found = self._firsts.get(origin)
        if found is None:
            return None
        position, first = found
        name = difference(first, entry)
        if name is not None:
            message = f"this source and id stand at position {position} with another {name}"
            raise ContentDiffers(message, position=position, field=name)
        return position

    def decided_before(self, origin: bytes, command_id: str, digest: str) -> tuple[Recorded, ...]:
        """The events that the same command brought about before; none if it is new."""
        first = self._firsts.get(origin)
        if first is None:
            return ()
        position, entry = first
        if stored_attributes(entry).command != digest:
            message = f"this command id was used at position {position} for another command"
            raise ContentDiffers(message, position=position, field="command")
        found = [decode_entry(entry, position)]
        pending = ((draft.envelope.position, draft.entry) for draft in self.drafts)
        for place, following_entry in chain(self._read_on(position), pending):
            if place > found[-1].envelope.position:
                following = decode_entry(following_entry, place)
                if not following.envelope.id.startswith(f"{command_id}/"):
                    break
                found.append(following)
        return tuple(found)

    def has_match(self, query: Query, after: int) -> bool:
        """Whether something that this batch has accepted matches."""
        return any(
            draft.envelope.position > after and query.matches(draft.envelope.type, draft.tags)
            for draft in self.drafts
        )

    def add(self, drafts: Sequence[Draft]) -> None:
        """Accept events: from here on everything in the batch sees them."""
        self.folding = True
        for draft in drafts:
            self.drafts.append(draft)
            self._firsts[draft.origin] = (draft.envelope.position, draft.entry)
            if draft.event is not None:
                self.views.fold(draft.event, draft.tags, draft.envelope)
                self.voiding = self.voiding or draft.voids
        self.folding = False

    def rows(self, type_ids: dict[str, int]) -> list[Row]:
        """The accepted events as the rows that hold them."""
        return [
            Row(
                draft.envelope.position,
                type_ids[draft.envelope.type],
                draft.envelope.time,
                self.now,
                draft.entry,
                draft.tags,
                draft.origin,
            )
            for draft in self.drafts
        ]


def read_on(cursor: psycopg.Cursor, after: int) -> Iterator[tuple[int, bytes]]:
    """The entries above a position, one after another."""
    while page := cursor.execute(READ_ON_SQL, [after]).fetchall():
        yield from page
        after = page[-1][0]


def matches(request: Guarded, position: int, entry: bytes) -> bool:
    """Whether an entry is what the request's condition speaks of."""
    assert request.query is not None
    recorded = decode_entry(entry, position)
    return request.query.matches(recorded.envelope.type, recorded.tags)
