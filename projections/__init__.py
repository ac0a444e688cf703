"""What the history adds up to: disposable tables, one file each, and the engine that fills them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from projections.fold import Projection

    ALL: tuple[Projection, ...]


@cache
def _declared() -> tuple[Projection, ...]:
    """Every projection that a file of this package declares, in the order of their names."""
    from projections.fold import Projection  # noqa: PLC0415 - it is a file of this package

    found: dict[str, Projection] = {}
    for module in iter_modules(__path__):
        for value in vars(import_module(f"{__name__}.{module.name}")).values():
            if isinstance(value, Projection) and found.setdefault(value.name, value) is not value:
                raise TypeError(f"two projections are called {value.name}")
    return tuple(found[name] for name in sorted(found))


def __getattr__(name: str) -> Any:
    """``projections.ALL``, read when it is first asked for: the files import this package."""
    if name == "ALL":
        return _declared()
    raise AttributeError(name)
