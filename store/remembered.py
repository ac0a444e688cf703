"""A bounded memory of what was looked up, which forgets what was not used for longest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """At most ``count_max`` values by key, shared by threads."""

    def __init__(self, count_max: int) -> None:
        assert count_max > 0
        self._count_max = count_max
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()
        self.generation = 0
        """Grows when everything is forgotten."""

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """Those of the keys that are remembered."""
        with self._lock:
            found = {key: self._values[key] for key in keys if key in self._values}
            for key in found:
                self._values.move_to_end(key)
            return found

    def put_many(self, values: Mapping[K, V], generation: int) -> None:
        """Remember what was looked up since ``generation``, unless all was forgotten meanwhile."""
        with self._lock:
            if generation != self.generation:
                return
            self._values.update(values)
            for key in values:
                self._values.move_to_end(key)
            while len(self._values) > self._count_max:
                self._values.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self.generation += 1
