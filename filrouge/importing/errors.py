"""What can be wrong with an import: the mapping, a file as a whole, or one row."""

from __future__ import annotations

from collections.abc import Iterable

Path = tuple[str | int, ...]
"""The way to a place in a mapping: ``("file", 0, "event", 1, "fields", "points")``."""


class MappingError(Exception):
    """The mapping cannot be used. The message names the file, the line and the key."""


class Wrong(Exception):
    """Something in a mapping is wrong; ``at`` is the way to it."""

    def __init__(self, at: Path, problem: str) -> None:
        super().__init__(problem)
        self.at = at
        self.problem = problem


class Unreadable(Exception):
    """The rest of a file cannot be read. What was read before it counts."""


class Misfit(Exception):
    """A row does not fit. The reason names the field and never repeats a value."""

    def __init__(self, reason: str, *field: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field

    def inside(self, name: str) -> Misfit:
        """The same, seen from the block that the field stands in."""
        return Misfit(self.reason, name, *self.field)

    def __str__(self) -> str:
        return f"{'.'.join(self.field)}: {self.reason}" if self.field else self.reason


def dotted(path: Iterable[str | int]) -> str:
    """A way into a mapping as people write it: ``file[0].event[1].fields.points``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
