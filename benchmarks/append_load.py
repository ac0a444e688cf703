"""The load of ``decide`` and ``append``: events with a payload, three tags and a condition."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeVar

from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
    DCBRecorder,
)

from store.recorder import Recorder
from store.reply import Reply

TYPE: Final = "order.decided.v1"
DATA: Final = bytes(range(50)) * 4
"""The payload: 200 bytes."""

T = TypeVar("T")

# Processes that append together never draw the same ids.
_bits = random.Random(os.getpid()).getrandbits


def _tags() -> list[str]:
    return [f"order:{_bits(64):016x}", f"member:{_bits(64):016x}", f"shop:{_bits(64):016x}"]


def recorder_call(recorder: DCBRecorder, events: int = 1) -> Callable[[], object]:
    """Append events with tags of their own, if nothing carries the first tag since now."""
    return _call(recorder.append, _beginning(recorder), events)


def queue_call(recorder: Recorder, events: int = 1) -> Callable[[], Reply[int]]:
    """The same, without waiting for the answer."""
    return _call(recorder.queue, _beginning(recorder), events)


def _beginning(recorder: DCBRecorder) -> int:
    return recorder.append([DCBEvent(TYPE, DATA, _tags())])


def _call(
    append: Callable[[list[DCBEvent], DCBAppendCondition], T], after: int, events: int
) -> Callable[[], T]:
    def call() -> T:
        made = [DCBEvent(TYPE, DATA, _tags()) for _ in range(events)]
        query = DCBQuery([DCBQueryItem([TYPE], [made[0].tags[0]])])
        return append(made, DCBAppendCondition(query, after=after))

    return call


def umadb_call(module: ModuleType, client: Any, events: int = 1) -> Callable[[], object]:
    """The same, in the words of UmaDB's client."""
    after = client.append([module.Event(TYPE, DATA, _tags())])

    def call() -> object:
        tags = [_tags() for _ in range(events)]
        made = [module.Event(TYPE, DATA, some) for some in tags]
        query = module.Query([module.QueryItem([TYPE], [tags[0][0]])])
        return client.append(made, module.AppendCondition(query, after))

    return call
