"""Programmes: their terms, and every version of them by the time from which it holds."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from domain.decision import on
from domain.envelope import Envelope
from domain.programmes import (
    Change,
    ProgrammeAmended,
    ProgrammeEvent,
    ProgrammeOpened,
    Terms,
    change_of,
    in_force,
    versions,
)
from projections.fold import Fold, Projection
from projections.known import Rows
from projections.reader import Reader

VERSIONS_SHOWN_MAX: Final = 1_000
PROGRAMMES_SHOWN_MAX: Final = 1_000


class ProgrammeRow(msgspec.Struct, omit_defaults=True):
    """What events say of a programme, in the order in which they were recorded."""

    programme: str
    changes: list[Change] = []


class Programmes(Fold, table="programmes", key="programme"):
    """Every change of every programme. Few rows."""

    Row = ProgrammeRow

    @on(ProgrammeOpened, ProgrammeAmended)
    def _(self, row: ProgrammeRow, event: ProgrammeEvent, envelope: Envelope) -> None:
        row.changes.append(change_of(event, envelope))


PROGRAMMES = Projection("programmes", version=1, folds=(Programmes,))


class Programme(msgspec.Struct, frozen=True):
    """A programme at a stated instant, and how it came to be so."""

    programme: str
    at: datetime
    """The instant that the terms are those of."""
    terms: Terms | None
    """Null: the programme was not open then."""
    versions: tuple[Terms, ...]
    """Every version of the terms, oldest first; the newest ``VERSIONS_SHOWN_MAX`` of them."""


class ProgrammeList(msgspec.Struct, frozen=True):
    """All programmes as they are now, by id."""

    programmes: tuple[Terms, ...]


def versions_of(rows: Rows, programme: str) -> list[Terms]:
    """Every version of a programme's terms, oldest first; none: it was never opened."""
    row = rows.row(Programmes, programme)
    return [] if row is None else versions(programme, row.changes)


def programme(rows: Rows, name: str, at: datetime) -> Programme | None:
    """A programme at an instant; None if nothing is known of it."""
    found = versions_of(rows, name)
    if not found:
        return None
    return Programme(name, at, in_force(found, at), tuple(found[-VERSIONS_SHOWN_MAX:]))


def every(reader: Reader) -> ProgrammeList:
    """All programmes with their newest terms."""
    found = reader.select(
        "SELECT key, row->'changes' FROM {programmes} ORDER BY key LIMIT %s",
        {"programmes": Programmes},
        [PROGRAMMES_SHOWN_MAX],
    )
    terms = [versions(key, msgspec.convert(changes, list[Change])) for key, changes in found]
    return ProgrammeList(tuple(one[-1] for one in terms if one))
