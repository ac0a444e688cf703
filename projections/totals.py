"""Keeping totals equal to the sum of what rows contribute, by differences or from nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from projections.fold import Fold, Projection, Total
from projections.tables import in_batches, remove_rows, table_name, write_rows

Context = dict[type[Fold], dict[str, Any]]
"""All rows of the folds that totals read, by key."""
TOTALS_AT_ONCE = 5_000


class Totals:
    """What the totals of one projection gain and lose while rows change."""

    def __init__(self, projection: Projection, before: Context) -> None:
        self._totals = [(total, total()) for total in projection.totals]
        self._before = before
        self.now: Context = {fold: dict(rows) for fold, rows in before.items()}
        self._changes: dict[type[Total], defaultdict[str, defaultdict[str, int]]] = {
            total: defaultdict(lambda: defaultdict(int)) for total in projection.totals
        }
        self._waiting: list[tuple[type[Fold], list[Any]]] = []

    def was(self, fold: type[Fold], rows: Mapping[str, Any]) -> None:
        """Take off what these rows contributed. To be said before the rows change."""
        self._count(fold, rows.values(), self._before, -1)
        for key in rows if fold in self.now else ():
            self.now[fold].pop(key, None)

    def becomes(self, fold: type[Fold], rows: Mapping[str, Any]) -> None:
        """Add what these rows contribute now."""
        if fold in self.now:
            # Its own contribution waits until every context is known.
            self.now[fold].update(rows)
            self._waiting.append((fold, list(rows.values())))
        else:
            self._count(fold, rows.values(), self.now, +1)

    def contexts_are_known(self) -> None:
        """All rows that totals read were folded."""
        for fold, rows in self._waiting:
            self._count(fold, rows, self.now, +1)
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
        self._count(total.of, rows, self._before, -1, only=total)
        self._count(total.of, rows, self.now, +1, only=total)

    def _count(
        self,
        fold: type[Fold],
        rows: Iterable[Any],
        contexts: Context,
        sign: int,
        *,
        only: type[Total] | None = None,
    ) -> None:
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

    def write(self, connection: psycopg.Connection, version: int, build: int) -> None:
        """Add the differences to the tables. A row in which nothing is left is removed."""
        for total, changes in self._changes.items():
            name = sql.Identifier(table_name(total, version, build))
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
