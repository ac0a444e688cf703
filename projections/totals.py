"""Keeping totals equal to the sum of what rows contribute, by differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from projections.fold import Fold, Projection, Total
from projections.tables import in_batches, remove_rows, table_name, write_rows

Contexts = Mapping[type[Fold], Mapping[str, Any]]
"""All rows of the folds that totals read, by key."""
TOTALS_AT_ONCE: Final = 5_000


class Sums:
    """What the totals of one projection gain and lose."""

    def __init__(self, projection: Projection) -> None:
        self._version = projection.version
        self._totals = [(total, total()) for total in projection.totals]
        self._changes: dict[type[Total], defaultdict[str, defaultdict[str, int]]] = {
            total: defaultdict(lambda: defaultdict(int)) for total in projection.totals
        }

    def count(
        self,
        fold: type[Fold],
        rows: Iterable[Any],
        contexts: Contexts,
        sign: int,
        *,
        only: type[Total] | None = None,
    ) -> None:
        """Add (+1) or take off (-1) what these rows contribute."""
        for total, instance in self._totals:
            if total.of is not fold or (only is not None and total is not only):
                continue
            context = {} if total.context is None else contexts[total.context]
            changes = self._changes[total]
            for row in rows:
                for key, amounts in instance.contributes(row, context).items():
                    sums = changes[key]
                    for name, amount in amounts.items():
                        if type(amount) is not int:
                            raise TypeError(f"{total.__name__}: {name} is no integer")
                        sums[name] += sign * amount

    def write(self, connection: psycopg.Connection, build: int, *, alone: bool = True) -> None:
        """Add the differences to the tables. A row in which nothing is left is removed.

        Whoever is not ``alone`` waits for the others here, and they wait for its transaction.
        """
        for total, changes in self._changes.items():
            name = sql.Identifier(table_name(total, self._version, build))
            if not alone:
                lock = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(name)
                connection.execute(lock)
            load = sql.SQL("SELECT key, row FROM {} WHERE key = ANY(%s)").format(name)
            changed = [key for key, amounts in changes.items() if any(amounts.values())]
            for keys in in_batches(changed, TOTALS_AT_ONCE):
                rows: dict[str, dict[str, int]] = dict(connection.execute(load, [keys]).fetchall())
                for key in keys:
                    row = rows.setdefault(key, {})
                    for amount_name, amount in changes[key].items():
                        row[amount_name] = row.get(amount_name, 0) + amount
                    rows[key] = {name_: amount for name_, amount in row.items() if amount}
                write_rows(connection, name, {key: row for key, row in rows.items() if row})
                remove_rows(connection, name, [key for key, row in rows.items() if not row])


class Totals:
    """What totals gain and lose in a step in which what they look up may change too."""

    def __init__(self, projection: Projection, before: Contexts) -> None:
        self.sums = Sums(projection)
        self._before = before
        self.now = {fold: dict(rows) for fold, rows in before.items()}
        self._waiting: list[tuple[type[Fold], list[Any]]] = []

    def was(self, fold: type[Fold], rows: Mapping[str, Any]) -> None:
        """Take off what these rows contributed. To be said before the rows change."""
        self.sums.count(fold, rows.values(), self._before, -1)
        for key in rows if fold in self.now else ():
            self.now[fold].pop(key, None)

    def becomes(self, fold: type[Fold], rows: Mapping[str, Any]) -> None:
        """Add what these rows contribute now."""
        if fold in self.now:
            # Its own contribution waits until every context is known.
            self.now[fold].update(rows)
            self._waiting.append((fold, list(rows.values())))
        else:
            self.sums.count(fold, rows.values(), self.now, +1)

    def contexts_are_known(self) -> None:
        """All rows that totals read were folded."""
        for fold, rows in self._waiting:
            self.sums.count(fold, rows, self.now, +1)
        self._waiting.clear()

    def changed_contexts(self) -> dict[type[Fold], set[str]]:
        """The rows that totals read and that changed."""
        changed: dict[type[Fold], set[str]] = {}
        for fold, now in self.now.items():
            before = self._before[fold]
            keys = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
            if keys:
                changed[fold] = keys
        return changed

    def recount(self, total: type[Total], rows: Iterable[Any]) -> None:
        """Rows that did not change contribute again, because the context did."""
        rows = list(rows)
        self.sums.count(total.of, rows, self._before, -1, only=total)
        self.sums.count(total.of, rows, self.now, +1, only=total)
