"""The views of a batch on their way: asked for in parts, and taken in when somebody looks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from store.boundary import KnownView, Views, decoded
from store.packed import number
from store.requests import Request
from store.round_trip import Ask, Pipeline, Sent
from store.voids import Voids


class AskedViews:
    """What was asked for the views of one batch, and nobody has looked at yet.

    While PostgreSQL reads the views of one part of a batch, the part before is decided.
    """

    def __init__(
        self, views: Views, voids: Voids, pipeline: Pipeline, type_ids: Mapping[str, int]
    ) -> None:
        self.head = 0
        """What the batch itself has sent stands above it."""
        self._views, self._voids = views, voids
        self._pipeline, self._type_ids = pipeline, type_ids
        self._asking: list[KnownView] = []
        self._under_way: deque[tuple[list[KnownView], Sent]] = deque()

    def need(self, requests: Iterable[Request]) -> None:
        """Put the views of requests into the batch."""
        for request in requests:
            self._views.need(request.views)

    def question(self) -> Ask | None:
        """What is to be asked for the views that came last; the last of what is sent together."""
        if not self._views.needed:
            return None
        ask, self._asking = self._views.ask(self._type_ids)
        return ask

    def sent(self, sent: Sent) -> None:
        """Remember with what the question went, if there was one."""
        if self._asking:
            self._under_way.append((self._asking, sent))
            self._asking = []

    def ask(self) -> None:
        """Ask for the views that came last, if there are any."""
        if question := self.question():
            self.sent(self._pipeline.send(question))

    def load(self) -> bool:
        """Let views take in what they have not seen, up to the head; False: none is under way."""
        if not self._under_way:
            return False
        asked, sent = self._under_way.popleft()
        rows = self._pipeline.rows(sent)[-1]
        found = [row for row in rows if number(row[1]) <= self.head]
        self._views.load(asked, decoded(found), self._voids, self.head)
        return True

    def bring_up(self) -> None:
        """Ask for the views that came last, and wait for all."""
        self.ask()
        while self.load():
            pass
