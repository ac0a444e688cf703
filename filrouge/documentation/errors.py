"""The page of the errors: every reason to refuse something, with what to do about it."""

from __future__ import annotations

from http import HTTPStatus
from itertools import groupby
from typing import Final

from api.errors import InternalError
from api.problems import status_of
from domain.errors import FilrougeError, RuleError
from filrouge.documentation.markdown import page, prose, table
from filrouge.documentation.sources import ROOMS, modules

ABSTRACT: Final = frozenset({"RuleError", "RequestError", "Refused"})
"""Classes that only hold others together: nobody is ever answered one of them."""

ROOM_TITLES: Final = {
    "domain": "Rules and facts",
    "store": "Keeping",
    "projections": "Projections",
    "api": "Requests",
    "filrouge": "Command line",
}


def error_classes() -> list[type[FilrougeError]]:
    """Every error that can be answered, room by room, by code."""
    modules(*ROOMS)

    def below(cls: type[FilrougeError]) -> set[type[FilrougeError]]:
        return {one for sub in cls.__subclasses__() for one in (sub, *below(sub))}

    found = {
        cls for cls in below(FilrougeError) if cls.__name__ not in ABSTRACT and _room(cls) in ROOMS
    }
    return sorted(found, key=lambda cls: (ROOMS.index(_room(cls)), cls.code))


def _room(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def errors_page() -> str:
    """``errors.md``: code, HTTP status and explanation of every error."""
    classes = error_classes()
    index = table(
        ("Code", "Status", "Rule"),
        [
            (
                f"[{c.code}](#{c.code})",
                _status(c),
                "rule" if issubclass(c, RuleError) else "",
            )
            for c in sorted(classes, key=lambda c: c.code)
        ],
    )
    sections = [
        "\n\n".join([f"## {ROOM_TITLES[room]}", *map(_section, members)])
        for room, members in groupby(classes, key=_room)
    ]
    return page(
        "Errors",
        "Over HTTP an error is a problem (RFC 9457): its `type` is `/problems/<code>`, and what "
        "stands there is what stands here. On the command line, `--json` shows the code. An error "
        "that is marked as a *rule* says that the history does not allow a decision; asked again "
        "later, the answer may differ. One without a status is met on the command line only.",
        index,
        *sections,
    )


def _status(cls: type[FilrougeError]) -> str:
    """The status that it is answered with; nothing for what only the command line meets."""
    status = status_of(cls)
    return str(status) if cls is InternalError or status != HTTPStatus.INTERNAL_SERVER_ERROR else ""


def _section(cls: type[FilrougeError]) -> str:
    return (
        f"### {cls.code}\n\n{prose(cls.__doc__)}\n\n"
        f"HTTP status: {_status(cls) or 'none, it is not answered over HTTP'}. "
        f"Class `{cls.__module__}.{cls.__name__}`."
    )
