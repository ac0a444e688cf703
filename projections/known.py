"""Reading the past: rows and sums as the same folds give them over a selection of the log.

What was voided, corrected or identified later is not known yet; what happened earlier but was
recorded later is not there yet; what happens later has not happened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

import msgspec
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from domain.envelope import Envelope
from projections.aliases import Aliases
from projections.fold import Fold, Total, owner_of
from projections.folding import Folding
from projections.owners import Roots
from projections.reader import Member, Reader
from projections.selection import Selection
from store.collecting import rarely_collected
from store.log import Log

EVERYBODY_EVENTS_MIN: Final = 10_000
EVERYBODY_EVENTS_MAX: Final = 1_000_000
"""Where about so many events fold to the rows of everybody, these may be in memory at once."""


class Rows(Protocol):
    """What gives the rows of folds by key: of tables, or of an instant in the past."""

    def row(self, fold: type[Fold], key: str) -> Any:
        """The row of a key, or None."""

    def rows(self, fold: type[Fold], keys: Iterable[str]) -> dict[str, Any]:
        """The rows of these keys, as far as there are any, by key."""


class Sums(Rows, Protocol):
    """What gives the rows of totals too."""

    def total(self, total: type[Total], key: str) -> dict[str, int]:
        """The amounts of one row of a total; what is zero is left out."""


class PastReader(Reader):
    """Every projection over a selection of the log; what is asked for is folded, and kept.

    It answers whatever a :class:`Reader` does, so a query need not know which one it asks. What
    a query says of owners (:meth:`Reader.select`) bounds what has to be folded for it.
    """

    def __init__(self, log: Log, pool: ConnectionPool, selection: Selection) -> None:
        self.position = selection.position
        self.log = log
        self._pool = pool
        self.selection = selection
        self._roots: dict[tuple[type[Aliases], ...], Roots] = {}
        self._foldings: dict[type[Fold], Folding] = {}
        self._owned: dict[type[Fold], dict[str, dict[str, Any]]] = {}
        self._every: dict[type[Fold], dict[str, Any]] = {}

    def reaches(self, envelope: Envelope) -> bool:
        """Whether an event had been recorded, and had happened: also one that was voided."""
        as_of = self.selection.as_of
        return envelope.position <= self.position and (as_of is None or envelope.time < as_of)

    def rows(self, fold: type[Fold], keys: Iterable[str]) -> dict[str, Any]:
        """The rows of these keys, as far as there are any, by key."""
        wanted = list(keys)
        found = self._of_owners(fold, {owner_of(key) for key in wanted})
        return {key: found[key] for key in wanted if key in found}

    def owned(self, fold: type[Fold], owner: str) -> dict[str, Any]:
        """All rows of an owner by key, of a fold that has several rows for one."""
        return self._of_owners(fold, {owner})

    def total(self, total: type[Total], key: str) -> dict[str, int]:
        """The amounts of one row of a total; what is zero is left out."""
        owners = None if self._is_of_most(total, key) else self.contributors(total, key)
        return self._sums(total, owners).get(key, {})

    def every_total(self, total: type[Total]) -> dict[str, dict[str, int]]:
        """All rows of a total by key, in the order of the keys."""
        return dict(sorted(self._sums(total, None).items()))

    def select(
        self,
        statement: str,
        tables: Mapping[str, Member],
        parameters: Any = None,
        *,
        owners: Collection[str] | None = None,
    ) -> list[TupleRow]:
        """The rows of a SELECT over tables that are made for it, of these owners or of all."""
        names = {name: sql.Identifier(f"past_{name}") for name in tables}
        contents = {
            f"past_{name}": self._content(member, owners) for name, member in tables.items()
        }
        named = isinstance(parameters, Mapping)
        made = sql.SQL(", ").join(
            sql.SQL(
                "{} (key, row) AS MATERIALIZED (SELECT * FROM json_each({}::text::json))"
            ).format(sql.Identifier(name), sql.Placeholder(name) if named else sql.Placeholder())
            for name in contents
        )
        query = sql.SQL("WITH {} ({})").format(made, sql.SQL(statement).format(**names))
        given: Any = (
            {**parameters, **contents} if named else [*contents.values(), *(parameters or ())]
        )
        with self._pool.connection() as connection:
            return connection.execute(query, given).fetchall()

    def contributors(self, total: type[Total], key: str) -> set[str] | None:
        """The owners of the rows that may contribute to a key; None: nothing says which."""
        if total.key is None:
            return None
        tag = f"{total.key}:{key}"
        return self.folding(total.of).owners_tagged(tag, self.position, self.position)

    def _is_of_most(self, total: type[Total], key: str) -> bool:
        """Whether it takes longer to find out who may contribute than to fold everybody else."""
        if total.key is None:
            return True
        types, until = total.of.types, self.position
        tagged = len(self.log.tagged_positions([f"{total.key}:{key}"], until, types))
        if tagged < EVERYBODY_EVENTS_MIN:
            return False
        found = self.log.sampled_types(until)
        of_types = sum(count for name, count in found.items() if name in types)
        every = until * of_types // max(sum(found.values()), 1)
        return every <= min(2 * tagged, EVERYBODY_EVENTS_MAX)

    def context(self, total: type[Total]) -> Mapping[str, Any]:
        """What the rows of a total look up."""
        fold = total.context
        if fold is None:
            return {}
        if fold not in self._every:
            self._every[fold] = self.folding(fold).every(self.position)
        return self._every[fold]

    def folding(self, fold: type[Fold]) -> Folding:
        """The fold over the selection."""
        if fold not in self._foldings:
            roots = self._roots.get(fold.aliases)
            if roots is None:
                roots = self._roots[fold.aliases] = Roots(self.log, self.selection, fold.aliases)
            self._foldings[fold] = Folding(fold, self.log, self.selection, roots)
        return self._foldings[fold]

    def _of_owners(self, fold: type[Fold], owners: set[str]) -> dict[str, Any]:
        kept = self._owned.setdefault(fold, {})
        if missing := owners - kept.keys():
            for owner in missing:
                kept[owner] = {}
            with rarely_collected():
                for rows in self._among(fold, missing):
                    for key, row in rows.items():
                        kept[owner_of(key)][key] = row
        return {key: row for owner in sorted(owners) for key, row in kept[owner].items()}

    def _among(self, fold: type[Fold], owners: set[str] | None) -> Iterator[dict[str, Any]]:
        return self.folding(fold).among(owners, self.position, self.position)

    def _all(self, fold: type[Fold]) -> dict[str, Any]:
        if fold not in self._every:
            with rarely_collected():
                self._every[fold] = {
                    key: row for rows in self._among(fold, None) for key, row in rows.items()
                }
        return self._every[fold]

    def _sums(self, total: type[Total], owners: set[str] | None) -> dict[str, dict[str, int]]:
        sums: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        contributes, context = total().contributes, self.context(total)
        with rarely_collected():
            for rows in self._among(total.of, owners):
                for row in rows.values():
                    for key, amounts in contributes(row, context).items():
                        mine = sums[key]
                        for name, amount in amounts.items():
                            mine[name] += amount
        found = {
            key: {name: amount for name, amount in mine.items() if amount}
            for key, mine in sums.items()
        }
        return {key: amounts for key, amounts in found.items() if amounts}

    def _content(self, member: Member, owners: Collection[str] | None) -> str:
        """The rows of a fold or total, as one JSON object by key."""
        rows: Mapping[str, Any]
        if issubclass(member, Total):
            rows = self.every_total(member)
        elif owners is None:
            rows = self._all(member)
        else:
            rows = self._of_owners(member, set(owners))
        return msgspec.json.encode(rows).decode()
