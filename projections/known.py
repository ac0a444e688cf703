"""Reading the past: rows and sums as the same folds give them over a selection of the log.

What was voided, corrected or identified later is not known yet; what happened earlier but was
recorded later is not there yet; what happens later has not happened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec
from psycopg import sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from domain.reading import read_entries
from projections.aliases import Aliases
from projections.fold import Fold, Total, owner_of
from projections.folding import Folding
from projections.owners import Roots
from projections.reader import Member, Reader
from projections.selection import Selection
from store.log import Log


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
        self._log = log
        self._pool = pool
        self._selection = selection
        self._roots: dict[tuple[type[Aliases], ...], Roots] = {}
        self._foldings: dict[type[Fold], Folding] = {}
        self._owned: dict[type[Fold], dict[str, dict[str, Any]]] = {}
        self._every: dict[type[Fold], dict[str, Any]] = {}

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
        return self._sums(total, self.contributors(total, key)).get(key, {})

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
                "{} (key, row) AS MATERIALIZED (SELECT * FROM jsonb_each({}::text::jsonb))"
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
        folding, tag = self.folding(total.of), f"{total.key}:{key}"
        owners: set[str] = set()
        pages = self._log.tagged_pages([tag], types=total.of.types, until=self.position)
        for page in pages:
            visible = self._selection.visible(read_entries(page), self.position)
            for _, some in folding.owned(visible, self.position):
                owners.update(some)
        return owners

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
                roots = self._roots[fold.aliases] = Roots(self._log, self._selection, fold.aliases)
            self._foldings[fold] = Folding(fold, self._log, self._selection, roots)
        return self._foldings[fold]

    def _of_owners(self, fold: type[Fold], owners: set[str]) -> dict[str, Any]:
        kept = self._owned.setdefault(fold, {})
        if missing := owners - kept.keys():
            for owner in missing:
                kept[owner] = {}
            for rows in self._among(fold, missing):
                for key, row in rows.items():
                    kept[owner_of(key)][key] = row
        return {key: row for owner in sorted(owners) for key, row in kept[owner].items()}

    def _among(self, fold: type[Fold], owners: set[str] | None) -> Iterator[dict[str, Any]]:
        return self.folding(fold).among(owners, self.position, self.position)

    def _all(self, fold: type[Fold]) -> dict[str, Any]:
        if fold not in self._every:
            self._every[fold] = {
                key: row for rows in self._among(fold, None) for key, row in rows.items()
            }
        return self._every[fold]

    def _sums(self, total: type[Total], owners: set[str] | None) -> dict[str, dict[str, int]]:
        instance, context = total(), self.context(total)
        sums: dict[str, dict[str, int]] = {}
        for rows in self._among(total.of, owners):
            for row in rows.values():
                for key, amounts in instance.contributes(row, context).items():
                    mine = sums.setdefault(key, {})
                    for name, amount in amounts.items():
                        mine[name] = mine.get(name, 0) + amount
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
