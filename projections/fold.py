"""How a projection is declared: folds, totals of folds, aliases, and the group that they form.

A **fold** is a table with one row per key, changed by handlers, one event after another. The key
is a kind of tag: an event belongs to the row of each of its tags of that kind (a transfer between
two accounts belongs to both)::

    class Balances(Fold, table="balances", key="account"):
        class Row(msgspec.Struct):
            account_id: str  # the first field takes the key: Row("acc1")
            lots: dict[str, int] = {}

        @on(PointsEarned)
        def _(self, row: Row, event: PointsEarned, envelope: Envelope) -> None:
            row.lots[event.lot_id] = event.points

A row exists when at least one event that has a handler belongs to it. It sees its events in the
order of their positions, late ones late: what depends on the order of things in the world orders
by ``envelope.time``, ties by position. Voided events never reach a handler. A handler reads only
its row, the event and the envelope, and it never fails on what an event may hold. What it asks of
the event is ``isinstance``, ``match`` or ``type_name``, never ``type(event)``, which may be a
subclass (:mod:`domain.reading`).

*Several rows for one tag.* Override :meth:`Fold.keys`: ``acc1/000000000123`` is a row of account
``acc1``. What stands before the slash is the *owner*, whose rows are folded again together when
something is voided. Each row still sees only its own events::

    class Statements(Fold, table="statements", key="account"):
        def keys(self, owner, event, envelope):
            return (f"{owner}/{envelope.position:016}",)

*Aliases.* What visitor v did becomes the member's when v is identified, whatever comes first. A
fold that names aliases takes events that carry no tag of its own kind, but one of an alias's kind,
as those of the tag that the alias stands for (see :mod:`projections.aliases`, which has this one)::

    class Profiles(Fold, table="profiles", key="member", aliases=(VisitorsOfMembers,)): ...

With ``anonymous="visitor"`` visitors who are not identified (yet) have rows of their own; their
key is the whole tag, ``visitor:v1``, and the row goes when they are identified.

A **total** adds up what the rows of a fold contribute, by another key. The engine subtracts what
a row contributed before and adds what it contributes now::

    class CampaignAudience(
        Total, table="campaign_audience", of=Audience, context=Campaigns, key="campaign"
    ):
        def contributes(self, row, context):
            return {name: {"participants": 1} for name in row.campaigns if name in context}

``context`` is a fold with few rows of the same projection, given as ``{key: row}``. When a row of
it changes, the rows of ``of`` that have an event with its tag (``campaign:c1``) contribute again.
So a row may look up in the context only what its own events are tagged with. The row of a total is
a flat object of integers, ``{"participants": 12}``; zeros are left out.

A total that says its ``key``, a kind of tag, promises that a row contributes to ``c1`` only if it
has an event tagged ``campaign:c1``. Then one row of the total can be had as it was at any instant
without folding everything.

A **projection** is the group of tables that share one version, one checkpoint and one pointer::

    RETURNS = Projection(
        "campaign_returns", version=1, folds=(Campaigns, Audience), totals=(CampaignAudience,)
    )

It is found because it is a module-level name of a file of this package. Whenever what it makes of
the same log changes, its ``version`` is raised: that makes new tables and fills them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final

import msgspec
from msgspec import inspect

from domain.decision import Handler, HandlerType
from domain.envelope import Envelope
from domain.event import Event, stored_names
from projections.aliases import Aliases

OWNER_END: Final = "/"
"""Ends the owner in the key of a fold that has several rows per owner. No identifier holds it."""
NAME_LENGTH_MAX: Final = 32
_NAME: Final = re.compile(r"^[a-z][a-z0-9_]*$")


def owner_of(key: str) -> str:
    """The owner of a row: what stands before the slash in its key, or the whole key."""
    return key.partition(OWNER_END)[0]


def _checked_name(name: str, what: str) -> str:
    if not _NAME.match(name) or len(name) > NAME_LENGTH_MAX:
        raise TypeError(
            f"{name!r} cannot be the name of a {what}: lower case, at most {NAME_LENGTH_MAX} long"
        )
    return name


def _check_row(row: type[msgspec.Struct]) -> None:
    """Refuse a row that would not be the same each time it is folded."""
    info = inspect.type_info(row)
    if not isinstance(info, inspect.StructType) or not info.fields:
        raise TypeError(f"{row!r} is not a Struct with the key as its first field")
    if row.__struct_config__.frozen or row.__struct_config__.array_like:
        raise TypeError(f"{row.__qualname__} is changed by handlers and stored as a JSON object")
    seen: set[type] = set()

    def walk(kind: Any, path: str) -> None:
        if isinstance(kind, inspect.SetType | inspect.FrozenSetType | inspect.FloatType):
            raise TypeError(f"{path}: the order of a set and the digits of a float may differ")
        if isinstance(kind, inspect.StructType):
            if kind.cls in seen:
                return
            seen.add(kind.cls)
            for field in kind.fields:
                walk(field.type, f"{path}.{field.name}")
            return
        for part in getattr(kind, "types", getattr(kind, "item_types", ())):
            walk(part, path)
        for name in ("type", "item_type", "key_type", "value_type"):
            if hasattr(kind, name):
                walk(getattr(kind, name), path)

    walk(info, row.__qualname__)


class FoldType(HandlerType):
    """Metaclass of folds: what a fold is stands in its class line, or it is an error."""

    Row: Any

    def __init__(
        cls,  # noqa: N805 - a metaclass
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        table: str = "",
        key: str = "",
        abstract: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(name, bases, namespace)
        for option, value in options.items():
            if option not in {"aliases", "anonymous", "indexes"}:
                raise TypeError(f"{name}: a fold has no option {option!r}")
            setattr(cls, option, value)
        if abstract:
            return
        if not cls.handlers:
            raise TypeError(f"{name} handles no event")
        cls.table = _checked_name(table, "table")
        cls.key = _checked_name(key, "kind of tag")
        _check_row(cls.Row)
        cls.types = frozenset(one for event in cls.handlers for one in stored_names(event))


class Fold(metaclass=FoldType, abstract=True):
    """A table with one row per key, changed by handlers, one event after another.

    Class arguments: ``table`` and ``key`` (a kind of tag); ``aliases`` and ``anonymous``;
    ``indexes``, SQL expressions over ``key`` and ``row`` for the queries of the fold, such as
    ``"(row->>'country'), key"``.
    """

    table: ClassVar[str]
    key: ClassVar[str]
    handlers: ClassVar[dict[type[Event], Handler]]
    types: ClassVar[frozenset[str]]
    """Stored names of the events that the fold handles."""
    aliases: ClassVar[tuple[type[Aliases], ...]] = ()
    anonymous: ClassVar[str] = ""
    """The kind of tag that owns a row itself while it stands for no other tag."""
    indexes: ClassVar[tuple[str, ...]] = ()

    Row: ClassVar[Callable[..., Any]]
    """A mutable Struct. ``Row(key)`` is a new row, so all other fields have defaults."""

    def keys(self, owner: str, event: Any, envelope: Envelope) -> Iterable[str]:
        """The rows of this owner that the event changes: the owner's one row, unless overridden.

        Each key is ``owner`` or starts with ``owner/``, and depends on the arguments alone.
        """
        return (owner,)


Contribution = dict[str, dict[str, int]]
"""What a row adds to a total: by the total's key, amounts by name."""


class Total:
    """Sums over the rows of a fold, by another key. Class arguments: ``table, of, context, key``.

    ``key`` is the kind of tag that its keys are the ids of, if they are.
    """

    table: ClassVar[str]
    of: ClassVar[type[Fold]]
    context: ClassVar[type[Fold] | None]
    key: ClassVar[str | None]

    def __init_subclass__(
        cls,
        *,
        table: str,
        of: type[Fold],
        context: type[Fold] | None = None,
        key: str | None = None,
    ) -> None:
        """Read the class line; a total that does not say what it adds up is an error."""
        if "contributes" not in vars(cls):
            raise TypeError(f"{cls.__name__} does not say what a row contributes to it")
        cls.table = _checked_name(table, "table")
        cls.of = of
        cls.context = context
        cls.key = key and _checked_name(key, "kind of tag")

    def contributes(self, row: Any, context: Mapping[str, Any]) -> Contribution:
        """What this row adds: ``{key: {name: integer}}``. Pure: the same row, the same amounts."""
        raise TypeError(f"{type(self).__name__} does not say what {row!r} contributes")


class Projection(msgspec.Struct, frozen=True, dict=True):
    """A named group of tables that share one version, one checkpoint and one pointer."""

    name: str
    version: int
    folds: tuple[type[Fold], ...]
    totals: tuple[type[Total], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a group that does not hold together."""
        _checked_name(self.name, "projection")
        tables = [one.table for one in self.members]
        if len(set(tables)) < len(tables):
            raise TypeError(f"{self.name}: two tables with one name: {tables}")
        for total in self.totals:
            if not {total.of, total.context or total.of} <= set(self.folds):
                raise TypeError(f"{total.__name__} adds up or reads a fold outside {self.name}")

    @property
    def members(self) -> tuple[type[Fold | Total], ...]:
        """Everything in the group that has a table."""
        return (*self.folds, *self.totals)

    @cached_property
    def types(self) -> frozenset[str]:
        """Stored names of the events that any of its folds or aliases handles."""
        aliases = (alias.types for fold in self.folds for alias in fold.aliases)
        return frozenset[str]().union(*(fold.types for fold in self.folds), *aliases)
