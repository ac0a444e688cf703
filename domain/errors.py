"""Why the ledger says no: one class per broken rule, each with what the caller can do about it.

A class's docstring is the answer's explanation and is published as documentation; its ``code`` is
the stable last part of the problem's ``type``.
"""

from __future__ import annotations

import re
from typing import ClassVar


class FilrougeError(Exception):
    """The root of everything that Filrouge itself raises."""

    code: ClassVar[str] = "error"

    def __init_subclass__(cls) -> None:
        """Derive the stable code from the name: ``NotEnoughPoints`` is not-enough-points."""
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()

    def __init__(self, detail: str = "", **context: object) -> None:
        super().__init__(detail or (self.__doc__ or "").partition("\n")[0])
        self.context = context


class RuleError(FilrougeError):
    """A decision was refused because of what the history says."""


class InvalidEvent(FilrougeError):
    """What was sent does not fit the schema or the limits; correct it and send it again."""


class ContentDiffers(FilrougeError):
    """This source and id were recorded before with another content.

    The first one stays. If this is a new fact, give it an id of its own; if it corrects the first,
    void that one and record this under another id.
    """


class NotPermitted(FilrougeError):
    """The key does not carry the scope that this needs."""
