"""One request to one ledger: who asks, of which ledger, and how reads of it are answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.types import Guard

from api import positions
from api.access import Access
from api.answers import Ready
from api.errors import RequestError
from api.etags import tagged
from api.ledgers import Served
from api.limits import Limits
from api.parameters import check_query
from api.threads import in_thread, resolved
from domain.personal import SEALED_PREFIX
from projections.fold import Fold, Projection
from projections.known import Rows
from projections.reader import Reader, reading
from projections.selection import NOW, When
from store.credentials import Scope
from store.reply import Reply

T = TypeVar("T")

InstantOf = Callable[[T], datetime | None]
_Encoded = tuple[bytes, bytes]
"""An answer in JSON, and how the instant that it was computed for stands in it."""
_SEALED: Final = SEALED_PREFIX.encode()
_encode: Final = msgspec.json.Encoder().encode
_encode_lines: Final = msgspec.json.Encoder().encode_lines


class Call:
    """What a handler needs to know of the request beside its own parameters."""

    def __init__(
        self, request: Request[Any, Any, Any], served: Served, limits: Limits, access: Access
    ) -> None:
        self.request = request
        self.served = served
        self.ledger = served.ledger
        self.limits = limits
        self.access = access

    async def read(
        self,
        query: Callable[[], tuple[T | None, int]],
        *,
        min_position: str | None,
        absent: type[RequestError] | None = None,
        etag: bool = True,
        instant: InstantOf[T] | None = None,
        when: When = NOW,
        opens: Callable[[Any], Any] | None = None,
        about: Callable[[Any], Collection[str]] | None = None,
    ) -> Response[bytes]:
        """Answer with what the query finds, at or past ``min_position``.

        The query runs in a thread and returns what it found and the position that it reflects.
        Sealed values are opened for who may see them. ``instant`` is the one that an answer was
        computed for: its tag only changes when something else does. ``opens`` is what opens the
        sealed values of the answer, in a thread, if that is not all of them. ``about`` says of whom
        the access log is to say that opened values were read, where the seals do not name them.
        """
        look = positions.by_query(self.served, _encoding(query, instant))
        # What was known then is settled; what is known now about an instant may still come.
        settled = when.known_at is not None
        return await self._answer(
            look, min_position, absent, etag=etag, past=settled, opens=opens, about=about
        )

    async def read_rows(
        self,
        query: Callable[[Rows], T | None],
        projection: Projection,
        fold: type[Fold],
        keys: Sequence[str],
        *,
        when: When = NOW,
        min_position: str | None,
        absent: type[RequestError] | None = None,
        instant: InstantOf[T] | None = None,
    ) -> Response[bytes]:
        """As :meth:`read`, with what the query makes of rows of one fold, which all have a key.

        Who asks at the same time is answered from the same snapshot. Of the past, the rows are
        those of ``when``.
        """
        if when.is_now:
            look = positions.by_keys(
                self.served,
                self.served.gathered(projection, fold),
                keys,
                lambda rows: _encoded(query(rows), instant),
            )
            return await self._answer(look, min_position, absent)
        return await self.read(
            projected(self, query, projection, when=when),
            min_position=min_position,
            absent=absent,
            instant=instant,
            when=when,
        )

    async def _answer(
        self,
        look: positions.Look[_Encoded | None],
        min_position: str | None,
        absent: type[RequestError] | None,
        *,
        etag: bool = True,
        past: bool = False,
        opens: Callable[[Any], Any] | None = None,
        about: Callable[[Any], Collection[str]] | None = None,
    ) -> Response[bytes]:
        state = self.request.scope["state"]
        found, position = await positions.reached(
            look, min_position, wait_seconds=self.limits.wait_seconds, state=state, past=past
        )
        if found is None:
            raise (absent or RequestError)(position=position)
        body, at = found
        body = await self.opened(body, opens, about)
        headers = {positions.HEADER: state["ledger_position"]}
        if etag:
            return tagged(self.request, body, headers, body.replace(at, b""), weak=bool(at))
        return Ready(body, headers=headers)

    async def opened(
        self,
        body: bytes,
        opens: Callable[[Any], Any] | None = None,
        about: Callable[[Any], Collection[str]] | None = None,
    ) -> bytes:
        """An answer in JSON, with sealed values opened if the key may see them."""
        if not self.access.personal or _SEALED not in body:
            return body
        # Through JSON, so that raw entries are opened too.
        sealed = msgspec.json.decode(body)
        subjects = self.ledger.vault.subjects_in(sealed)
        if subjects:  # recorded before it is shown
            await self.noted(subjects.union(about(sealed) if about else ()))
        open_all = partial(self.ledger.vault.open_all, restricted=self.access.admin)
        return _encode(await in_thread(opens or open_all, sealed))

    async def noted(self, subjects: Collection[str] = ()) -> None:
        """Wait until the access log says that the caller reads this, about whom."""
        await resolved(self._note(subjects))

    def _note(self, subjects: Collection[str]) -> Reply[None]:
        operation = str(self.request.route_handler.operation_id)
        accesses = self.ledger.primary.accesses
        return accesses.record(self.access.actor, operation, subjects)

    def lines(self, answers: list[Any]) -> bytes:
        """Answers as NDJSON, with sealed values opened if the key may see them."""
        if self.access.personal:
            vault, sealed = self.ledger.vault, msgspec.json.decode(_encode(answers))
            if subjects := vault.subjects_in(sealed):
                self._note(subjects).result()
            answers = vault.open_all(sealed, restricted=self.access.admin)
        return _encode_lines(answers)

    def recorded(self, first: int, last: int) -> None:
        """Have the log line of this request say which positions it recorded."""
        self.request.scope["state"]["recorded"] = first, last

    async def stamp(self, position: int) -> str:
        """The Ledger-Position of an answer. Asks the database now and then."""
        text = positions.stamp(await self.served.epoch_now(), position)
        self.request.scope["state"]["ledger_position"] = text
        return text


def _encoded(found: T | None, instant: InstantOf[T] | None) -> _Encoded | None:
    if found is None:
        return None
    at = None if instant is None else instant(found)
    return _encode(found), b"" if at is None else b'"at":' + _encode(at)


def _encoding(
    query: Callable[[], tuple[T | None, int]], instant: InstantOf[T] | None
) -> Callable[[], tuple[_Encoded | None, int]]:
    def encoding() -> tuple[_Encoded | None, int]:
        found, position = query()
        return _encoded(found, instant), position

    return encoding


def projected(
    call: Call, query: Callable[[Reader], T], *projections: Projection, when: When = NOW
) -> Callable[[], tuple[T, int]]:
    """A query over projections, as one snapshot of them with the position that it reflects.

    Of the past, the query reads what the same folds give over the events that counted then.
    """

    def look() -> tuple[T, int]:
        if not when.is_now:
            past = call.served.past(when)
            return query(past), past.position
        with reading(call.ledger.pool, *projections) as reader:
            return query(reader), reader.position

    return look


def call_of(request: Request[Any, Any, Any]) -> Call:
    """The call that a handler answers; the guard of its address made it."""
    call: Call = request.scope["state"]["call"]
    return call


def requires(*scopes: Scope) -> Guard:
    """Let nobody in without a key of the ledger that has at least one of these scopes.

    Whoever is let in has a call; the ledger is opened when it is first asked for.
    """

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: Any) -> None:
        assert isinstance(connection, Request)
        app_state, state = connection.app.state, connection.scope["state"]
        name = connection.scope["path_params"]["ledger"]
        access = state["access"] = await app_state.gate.access(connection.scope, name)
        access.check(scopes)
        check_query(connection)
        served = app_state.ledgers.opened().get(name)
        if served is None:
            served = await in_thread(app_state.ledgers.get, name)
        state["call"] = Call(connection, served, app_state.limits, access)

    return guard
