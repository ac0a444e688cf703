"""One batch: what is decided and committed together, each part seeing what came before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from time import perf_counter
from typing import Final, NamedTuple, cast

from domain.decision import View
from domain.envelope import Recorded, decode_entry, difference, stored_attributes
from domain.errors import ContentDiffers
from domain.rules import RULE_BOOK, RULE_EVENTS, RuleBook, Rules
from domain.types import TIME_LEAD_MAX
from store.boundary import KnownView, Views
from store.draft import VOIDING_EVENTS, Draft, Moment
from store.log import Head
from store.query import Query
from store.round_trip import Ask, Pipeline
from store.rows import write

SEND_AFTER_SECONDS: Final = 0.0003
"""How long a batch decides before PostgreSQL begins to write what it has accepted so far.

The next pause is as long as it has decided by then, but no longer than ``SEND_EVERY_SECONDS`` or
``SEND_EVERY_SHARE`` of that time, whichever is longer.
"""
SEND_EVERY_SECONDS: Final = 0.0015
"""What is not sent when all is decided has to be waited for, so that it is to be little."""
SEND_EVERY_SHARE: Final = 0.25
"""A large batch is to be sent in few parts."""

READ_ON_SQL: Final = """
SELECT position, entry FROM entries WHERE position > %s ORDER BY position LIMIT 100
"""


class Ways(NamedTuple):
    """How a batch reaches PostgreSQL while it is decided."""

    read_on: Callable[[int], Iterator[tuple[int, bytes]]]
    """The entries above a position."""
    load: Callable[[], bool]
    """Wait for the views that were asked for first, of those that are under way; False: none is."""
    bring_up: Callable[[], None]
    """Ask for the views that are needed late, and wait for them."""
    send: Callable[[Batch], None]
    """Have written what was accepted up to here."""


class Batch:
    """The events that a batch has accepted so far, on top of the head that it has locked."""

    def __init__(
        self,
        head: Head,
        views: Views,
        firsts: dict[bytes, tuple[int, bytes]],
        voided_batches: Collection[str],
        ways: Ways,
    ) -> None:
        self.head = head
        self.now: datetime = head.recorded_at
        self.latest = self.now + TIME_LEAD_MAX
        """No event of the batch may say that it happened later."""
        self.views = views
        self.drafts: list[Draft] = []
        self.voiding = False
        """Something was taken back: what is asked after it waits for the next batch."""
        self.ruling = False
        """The rules were changed: what was asked for before that looks at them again."""
        self.folding = False
        """True while what was accepted is taken in by views, sent or read back: an error then
        spoils the whole batch."""
        self.voided_batches = voided_batches
        self._moment = Moment.of(head.recorded_at)
        self._firsts = firsts
        self._ways = ways
        self.bring_up = ways.bring_up
        self._sent = 0
        self._began = perf_counter()
        self._due = self._began + SEND_AFTER_SECONDS
        self._tags: set[str] = set()
        self._tags_count = 0
        self._tagged: defaultdict[str, list[Draft]] = defaultdict(list)
        self._tagged_count = 0

    @property
    def position(self) -> int:
        """The last position that is taken."""
        return self.head.position + len(self.drafts)

    def place(self, *drafts: Draft) -> None:
        """Give drafts the next places; nothing is accepted yet."""
        position, moment = self.position, self._moment
        for draft in drafts:
            position += 1
            draft.place(position, moment)

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
        pending = ((draft.position, draft.entry) for draft in self.drafts)
        self.folding = True
        for place, following_entry in chain(self._ways.read_on(position), pending):
            if place > found[-1].envelope.position:
                following = decode_entry(following_entry, place)
                if not following.envelope.id.startswith(f"{command_id}/"):
                    break
                found.append(following)
        self.folding = False
        return tuple(found)

    def has_match(self, query: Query, after: int) -> bool:
        """Whether something that this batch has accepted matches."""
        firsts = [item.tags[0] for item in query.items if item.tags]
        if not firsts or len(firsts) < len(query.items):
            return any(_matches(draft, query, after) for draft in self.drafts)
        self._tags.update(*[draft.tags for draft in self.drafts[self._tags_count :]])
        self._tags_count = len(self.drafts)
        if self._tags.isdisjoint(firsts):
            return False
        for draft in self.drafts[self._tagged_count :]:
            for tag in draft.tags:
                self._tagged[tag].append(draft)
        self._tagged_count = len(self.drafts)
        return any(
            _matches(draft, query, after) for tag in firsts for draft in self._tagged.get(tag, ())
        )

    def held(self, views: Sequence[View]) -> list[View]:
        """The views that hold the history of these empty ones, and what the batch added to it."""
        self.folding = True
        held = self.views.held(views)
        while not all(held) and self._ways.load():
            held = self.views.held(views)
        if not all(held):
            # Only what was decided showed that they are needed: one more round trip.
            late = [view for view, there in zip(views, held, strict=True) if there is None]
            self.views.need(map(KnownView, late))
            self.bring_up()
            self.views.catch_up(late, self.drafts)
            held = self.views.held(views)
        self.folding = False
        return cast("list[View]", held)

    def rules(self) -> Rules:
        """The rules as the history and what the batch has accepted so far say them."""
        [held] = self.held([RULE_BOOK])
        assert isinstance(held, RuleBook)
        return held.rules

    def add(self, *drafts: Draft) -> None:
        """Accept placed events: from here on everything in the batch sees them."""
        self.folding = True
        for draft in drafts:
            self.drafts.append(draft)
            self._firsts[draft.origin] = draft.position, draft.entry
            if draft.event is not None:
                self.views.fold(draft)
                kind = type(draft.event)
                self.voiding = self.voiding or kind in VOIDING_EVENTS
                self.ruling = self.ruling or kind in RULE_EVENTS
        if (now := perf_counter()) > self._due:
            self._ways.send(self)
            self._due = now + pause(now - self._began)
        self.folding = False

    @property
    def unsent(self) -> list[Draft]:
        """What was accepted and is not on its way to PostgreSQL yet."""
        return self.drafts[self._sent :]

    def write(self, type_ids: Mapping[str, int]) -> Ask:
        """The statement that writes what is not sent yet, and moves the head past it."""
        unsent, head = self.unsent, self.head.position + self._sent
        self._sent = len(self.drafts)
        return write(unsent, head=head, recorded_at=self.now, type_ids=type_ids)


def pause(decided_seconds: float) -> float:
    """How long a batch that has decided for so long waits before it sends again, in seconds."""
    most = max(SEND_EVERY_SECONDS, decided_seconds * SEND_EVERY_SHARE)
    return max(SEND_AFTER_SECONDS, min(decided_seconds, most))


def _matches(draft: Draft, query: Query, after: int) -> bool:
    return draft.position > after and query.matches(draft.type, draft.tags)


def read_on(pipeline: Pipeline, after: int) -> Iterator[tuple[int, bytes]]:
    """The entries above a position, one after another, up to what the batch has sent."""
    cursor = pipeline.cursor()
    while page := cursor.execute(READ_ON_SQL, [after]).fetchall():
        yield from page
        after = page[-1][0]
