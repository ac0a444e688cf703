"""How a class says which events it takes in: methods marked with ``@on``, one for each type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from domain.event import Event

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)


def on(*event_types: type[Event]) -> Callable[[H], H]:
    """Mark a method as the handler of events of these types."""
    if not event_types:
        message = "@on() names no event type"
        raise TypeError(message)

    def mark(method: H) -> H:
        method.__on__ = event_types  # type: ignore[attr-defined]
        return method

    return mark


class HandlerNamespace(dict[str, Any]):
    """A class body that remembers every handler, even when all of them are called ``_``."""

    def __init__(self, inherited: dict[type[Event], Handler]) -> None:
        super().__init__()
        self.handlers = dict(inherited)
        self.own: set[type[Event]] = set()

    def __setitem__(self, name: str, value: Any) -> None:
        for event_type in getattr(value, "__on__", ()):
            if event_type in self.own:
                message = f"two handlers for {event_type.__name__} in one class"
                raise TypeError(message)
            self.own.add(event_type)
            self.handlers[event_type] = value
        super().__setitem__(name, value)


class HandlerType(type):
    """Metaclass of what folds events: collects the ``@on`` handlers of the class body."""

    handlers: dict[type[Event], Handler]

    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], **_: Any) -> HandlerNamespace:  # type: ignore[override]
        """Start the class body with the handlers of the bases."""
        inherited: dict[type[Event], Handler] = {}
        for base in reversed(bases):
            inherited.update(getattr(base, "handlers", {}))
        return HandlerNamespace(inherited)

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: HandlerNamespace, **_: Any
    ) -> HandlerType:
        """Make the class and hang its handlers on it."""
        cls = super().__new__(mcs, name, bases, dict(namespace))
        cls.handlers = namespace.handlers
        return cls

    def __init__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any
    ) -> None:
        super().__init__(name, bases, namespace)
