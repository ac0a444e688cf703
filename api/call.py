"""One request to one ledger: who asks, of which ledger, and how reads of it are answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response

from api import positions
from api.access import Access
from api.errors import RequestError
from api.etags import tagged
from api.ledgers import Ledgers, Served
from api.limits import Limits
from api.parameters import check_query
from api.threads import in_thread
from projections.fold import Projection
from projections.known import KnownRows, Rows
from projections.reader import Reader, reading

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


class Call:
    """What a handler needs to know of the request beside its own parameters."""

    def __init__(self, request: Request[Any, Any, Any], served: Served, limits: Limits) -> None:
        self.request = request
        self.served = served
        self.ledger = served.ledger
        self.limits = limits
        self.access: Access = request.scope["state"]["access"]

    async def read(
        self,
        query: Callable[[], tuple[T | None, int]],
        *,
        min_position: str | None,
        absent: type[RequestError] | None = None,
        etag: bool = True,
        timeless: Callable[[T], T] | None = None,
        past: bool = False,
    ) -> Response[bytes]:
        """Answer with what the query finds, at or past ``min_position``.

        The query runs in a thread and returns what it found and the position that it reflects.
        Sealed values are opened for who may see them. ``timeless`` blanks the instant that an
        answer was computed for, so that its tag only changes when something else does.
        """

        def look() -> tuple[tuple[bytes, bytes] | None, int]:
            found, position = query()
            if found is None:
                return None, position
            body = self.encoded(found)
            return (body, body if timeless is None else self.encoded(timeless(found))), position

        found, position = await positions.reached(
            self.served,
            look,
            min_position,
            wait_seconds=self.limits.wait_seconds,
            state=self.request.scope["state"],
            past=past,
        )
        if found is None:
            raise (absent or RequestError)(position=position)
        body, same = found
        headers = {positions.HEADER: self.request.scope["state"]["ledger_position"]}
        if etag:
            return tagged(self.request, body, headers, same, weak=timeless is not None)
        return Response(body, headers=headers, media_type="application/json")

    def encoded(self, answer: Any) -> bytes:
        """The answer as JSON, with sealed values opened if the key may see them."""
        if not self.access.personal:
            return _encoder.encode(answer)
        # Through JSON, so that raw entries are opened too.
        clear = self.ledger.vault.open_all(msgspec.json.decode(_encoder.encode(answer)))
        return _encoder.encode(clear)

    def lines(self, answers: list[Any]) -> bytes:
        """Answers as NDJSON, with sealed values opened if the key may see them."""
        if self.access.personal:
            answers = self.ledger.vault.open_all(msgspec.json.decode(_encoder.encode(answers)))
        return _encoder.encode_lines(answers)

    def recorded(self, first: int, last: int) -> None:
        """Have the log line of this request say which positions it recorded."""
        self.request.scope["state"]["recorded"] = first, last

    def stamp(self, position: int) -> str:
        """The Ledger-Position of an answer. Asks the database now and then."""
        text = positions.stamp(self.served.epoch(), position)
        self.request.scope["state"]["ledger_position"] = text
        return text


def projected(
    call: Call, query: Callable[[Reader], T], *projections: Projection
) -> Callable[[], tuple[T, int]]:
    """A query over projections, as one snapshot of them with the position that it reflects."""

    def look() -> tuple[T, int]:
        with reading(call.ledger.pool, *projections) as reader:
            return query(reader), reader.position

    return look


def as_known(
    call: Call, query: Callable[[Rows], T], known_at: datetime | None, *projections: Projection
) -> Callable[[], tuple[T, int]]:
    """As :func:`projected`, or as the ledger knew it before an instant."""
    if known_at is None:
        return projected(call, query, *projections)

    def look() -> tuple[T, int]:
        rows = KnownRows(call.ledger.log, known_at)
        return query(rows), rows.position

    return look


async def provide_call(request: Request[Any, Any, Any]) -> Call:
    """The call that a handler answers; opens the ledger when it is first asked for."""
    check_query(request)
    ledgers: Ledgers = request.app.state.ledgers
    name = request.path_params["ledger"]
    served = ledgers.opened().get(name)
    if served is None:
        served = await in_thread(ledgers.get, name)
    return Call(request, served, request.app.state.limits)
