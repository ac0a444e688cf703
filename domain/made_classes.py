"""Classes that are made of other classes: one of each, whichever threads ask for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def one_for_all_threads(make: Callable[[type[Any]], type[Any]]) -> Callable[[Any], type[Any]]:
    """Make a class out of another one once, even if several threads ask at the same moment.

    What is decoded as one class is not found by handlers that are listed for another. A cache of
    functools lets two threads that ask at once have two.
    """
    kept: dict[type[Any], type[Any]] = {}

    @wraps(make)
    def made(of: type[Any]) -> type[Any]:
        found = kept.get(of)
        return kept.setdefault(of, make(of)) if found is None else found

    return made
