"""The ledger's own ids for values of another system, looked up in bulk and remembered, bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from domain.errors import InvalidEvent

REMEMBERED_MAX: Final = 100_000
"""Ids of one generation; two are remembered."""

Wanted = tuple[str, tuple[str, ...]]
Resolve = Callable[[str, Sequence[tuple[str, ...]]], list[str]]


class Ids:
    """Gives the id of a kind and its values: always the same one, whatever asks first."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._young: dict[Wanted, str] = {}
        self._old: dict[Wanted, str] = {}

    def prepare(self, wanted: Iterable[Wanted]) -> None:
        """Look up what is about to be asked for, a round trip for each kind."""
        if len(self._young) >= REMEMBERED_MAX:
            self._old, self._young = self._young, {}
        missing: dict[str, dict[tuple[str, ...], None]] = {}
        for kind, values in wanted:
            if (kind, values) not in self._young:
                known = self._old.get((kind, values))
                if known is None:
                    missing.setdefault(kind, {})[values] = None
                else:
                    self._young[kind, values] = known
        for kind, many in missing.items():
            try:
                found = self._resolve(kind, list(many))
            except InvalidEvent:
                continue  # one of them says nothing; its row will say so when it asks alone
            self._young.update(zip(((kind, values) for values in many), found, strict=True))

    def __call__(self, kind: str, values: tuple[str, ...]) -> str:
        """The id of these values. Raises InvalidEvent for a value that says nothing."""
        known = self._young.get((kind, values))
        if known is None:
            known = self._old.get((kind, values)) or self._resolve(kind, [values])[0]
            self._young[kind, values] = known
        return known
