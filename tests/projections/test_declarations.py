"""What a projection must not be is refused where it is declared."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import projections
from domain.decision import on
from domain.engagement import VisitRecorded
from domain.envelope import Envelope
from projections.aliases import Aliases
from projections.fold import Fold, Projection, Total
from tests.projections.sample import Audience, Campaigns, Lots, Returns


def declare(row: type[msgspec.Struct], **options: Any) -> type[Fold]:
    """Declare a fold of visits."""

    class Declared(Fold, **{"table": "declared", "key": "member"} | options):
        Row = row

        @on(VisitRecorded)
        def _(self, row: Any, event: VisitRecorded, envelope: Envelope) -> None:
            raise AssertionError

    return Declared


class Plain(msgspec.Struct):
    key: str
    parts: dict[str, list[int]] = {}


class Part(msgspec.Struct):
    names: set[str] = set()


class Nested(msgspec.Struct):
    key: str
    parts: dict[str, list[Part | None]] = {}


class Floating(msgspec.Struct):
    key: str
    rate: float = 0


class Frozen(msgspec.Struct, frozen=True):
    key: str


class Empty(msgspec.Struct):
    pass


@pytest.mark.parametrize("row", [Nested, Floating, Frozen, Empty])
def test_a_row_that_would_not_always_be_the_same_is_refused(row: type[msgspec.Struct]) -> None:
    """No sets, whose order depends on the process; no floats; nothing that cannot be changed."""
    assert declare(Plain).types == {"visit.recorded.v1"}
    with pytest.raises(TypeError):
        declare(row)


@pytest.mark.parametrize(
    "options", [{"table": ""}, {"key": ""}, {"table": "x" * 33}, {"table": "A-B"}, {"alias": ()}]
)
def test_a_fold_says_what_it_is(options: dict[str, Any]) -> None:
    """Table, key and options are checked at import."""
    with pytest.raises(TypeError):
        declare(Plain, **options)


def test_a_fold_without_handlers_is_refused() -> None:
    """It would be empty for ever."""
    with pytest.raises(TypeError, match="handles no event"):

        class _Idle(Fold, table="idle", key="member"):
            Row = Plain


def test_aliases_name_their_kind() -> None:
    """Without a kind, or without handlers, nothing would stand for anything."""
    with pytest.raises(TypeError):

        class _Nobody(Aliases, kind="visitor"):
            pass


def test_a_projection_holds_together() -> None:
    """One name, one table; totals add up and look up folds of the same projection."""
    with pytest.raises(TypeError, match="two tables"):
        Projection("x", 1, (Campaigns, Campaigns))
    with pytest.raises(TypeError, match="outside x"):
        Projection("x", 1, (Audience,), (Returns,))
    with pytest.raises(TypeError, match="two tables"):
        Projection("x", 1, (Audience, Campaigns), (Returns, Returns))


def test_every_total_says_what_it_adds_up() -> None:
    """A total that does not say it is an error at import."""
    with pytest.raises(TypeError, match="contributes"):

        class Silent(Total, table="silent", of=Lots):
            pass


def test_all_projections_are_found_by_their_files() -> None:
    """The registry finds what the files of the room declare, each name once."""
    names = [projection.name for projection in projections.ALL]
    assert names == sorted(set(names))
    assert {"balances", "profiles", "statements", "campaign_returns"} <= set(names)
    tables = [member.table for projection in projections.ALL for member in projection.members]
    assert len(tables) == len(set(tables))
    with pytest.raises(AttributeError):
        projections.NONE  # noqa: B018 - it is not there
