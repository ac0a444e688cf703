"""Explanations: any figure as the sum of what each event changed of it, over a selection.

Nothing is explained apart from how it is computed. A query is asked once, to see which rows and
sums it looks at; then the events behind these are folded one after another, and after each one
that changes anything the query is asked again. What a figure gained or lost there is that event's
part of it. So the parts add up to the figure, for any query over any fold: there is nothing to
keep in step.

What totals look up (the plan of a campaign) is what it is at the end from the first event on; the
events that made it are named beside the explanation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from heapq import merge
from itertools import groupby
from typing import Any

import msgspec

from domain.reading import Fact
from projections.explanation import (
    Explanation,
    Leaf,
    NoSuchFigure,
    Step,
    changes_between,
    explained,
    is_below,
    is_number,
    said,
    step_of,
    told,
)
from projections.fold import Fold, Total, owner_of
from projections.folding import Folding
from projections.known import PastReader, Sums

Figures = dict[str, Leaf]
"""Every single thing that an answer says, by its path: ``people.known``, ``lots[l1].active``."""


Query = Callable[[Sums], Any]


def explain(reader: PastReader, query: Query, figure: str | None = None) -> Explanation | None:
    """Explain what a query answers: all its numbers, or the figures at or below a path.

    None if it answers nothing. Raises NoSuchFigure if it says nothing of that path.
    """
    looked = _Looked(reader)
    answer = query(looked)
    if answer is None:
        return None
    every = figures_of(answer)
    final = _chosen(every, figure)
    if figure is not None and not final and not any(is_below(name, figure) for name in every):
        raise NoSuchFigure(figure=figure)
    replayed = _Replayed(reader, looked)
    steps: list[Step] = []
    before: Figures = {}
    for one in replayed.events():
        now = _chosen(figures_of(query(replayed)), figure)
        if changes := list(changes_between(before, now)):
            steps.append(step_of(one, changes))
        before = now
    assert before == final, f"does not end at the figure: {before.items() ^ final.items()}"
    computed_with = sorted(set(replayed.context_positions()))
    if figure in every:
        final.setdefault(figure, every[figure])
    figures = [explained(name, value, steps) for name, value in sorted(final.items())]
    words = [*map(said, figures), *map(told, steps)]
    return Explanation(
        position=reader.position,
        figures=figures,
        steps=steps,
        computed_with=computed_with,
        words=words,
    )


def figures_of(answer: Any, path: str = "") -> Figures:
    """Every leaf of an answer by its path.

    Elements of a list are told apart by the fields that their class names in ``named_by``.
    """
    if isinstance(answer, msgspec.Struct):
        below = {name: getattr(answer, name) for name in answer.__struct_fields__}
    elif isinstance(answer, dict):
        below = answer
    elif isinstance(answer, list | tuple):
        found: Figures = {}
        for number, one in enumerate(answer):
            names = getattr(one, "named_by", ())
            parts = [str(getattr(one, name)) for name in names if getattr(one, name) is not None]
            found |= figures_of(one, f"{path}[{'/'.join(parts) if names else number}]")
        return found
    else:
        return {path: answer.isoformat() if isinstance(answer, datetime) else answer}
    dot = "." if path else ""
    return {
        name: leaf
        for key, value in below.items()
        for name, leaf in figures_of(value, f"{path}{dot}{key}").items()
    }


def _chosen(figures: Figures, figure: str | None) -> Figures:
    """The figures that are asked for; without a path, all numbers that are not zero."""
    if figure is None:
        return {name: leaf for name, leaf in figures.items() if is_number(leaf) and leaf}
    return {
        name: leaf
        for name, leaf in figures.items()
        if leaf is not None and is_below(name, figure) and (leaf or not is_number(leaf))
    }


class _Looked(Sums):
    """Notes which rows and sums a query looks at."""

    def __init__(self, reader: PastReader) -> None:
        self._reader = reader
        self.rows_of: defaultdict[type[Fold], set[str]] = defaultdict(set)
        self.sums_of: set[tuple[type[Total], str]] = set()

    def row(self, fold: type[Fold], key: str) -> Any:
        self.rows_of[fold].add(key)
        return self._reader.row(fold, key)

    def rows(self, fold: type[Fold], keys: Iterable[str]) -> dict[str, Any]:
        wanted = list(keys)
        self.rows_of[fold].update(wanted)
        return self._reader.rows(fold, wanted)

    def total(self, total: type[Total], key: str) -> dict[str, int]:
        self.sums_of.add((total, key))
        return self._reader.total(total, key)


class _Replayed(Sums):
    """The same rows and sums, as they become event by event."""

    def __init__(self, reader: PastReader, looked: _Looked) -> None:
        self._reader = reader
        self._looked = looked
        self._rows: defaultdict[type[Fold], dict[str, Any]] = defaultdict(dict)
        self._sums: defaultdict[tuple[type[Total], str], dict[str, int]] = defaultdict(dict)
        self._parts: dict[tuple[type[Total], str, str], dict[str, int]] = {}
        self._totals: defaultdict[type[Fold], list[tuple[Total, str]]] = defaultdict(list)
        self._owners: defaultdict[type[Fold], set[str]] = defaultdict(set)
        for fold, keys in looked.rows_of.items():
            self._owners[fold] |= {owner_of(key) for key in keys}
        for total, key in sorted(looked.sums_of, key=lambda one: (one[0].table, one[1])):
            self._totals[total.of].append((total(), key))
            owners = reader.contributors(total, key)
            assert owners is not None, f"{total.__name__} says of no key which rows contribute"
            self._owners[total.of] |= owners

    def row(self, fold: type[Fold], key: str) -> Any:
        return self._rows[fold].get(key)

    def rows(self, fold: type[Fold], keys: Iterable[str]) -> dict[str, Any]:
        rows = self._rows[fold]
        return {key: rows[key] for key in keys if key in rows}

    def total(self, total: type[Total], key: str) -> dict[str, int]:
        return {name: amount for name, amount in self._sums[total, key].items() if amount}

    def events(self) -> Iterator[Fact]:
        """Fold the next event that changes anything that was looked at; yield it."""
        walks = [self._walk(fold, owners) for fold, owners in self._owners.items() if owners]
        for _, pieces in groupby(merge(*walks, key=lambda one: one[0]), key=lambda one: one[0]):
            changed: Fact | None = None
            for _, folding, key, one in pieces:
                if self._fold(folding, key, one):
                    changed = one
            if changed is not None:
                yield changed

    def context_positions(self) -> Iterator[int]:
        """Where the events stand that made what the sums look up."""
        for total, key in self._looked.sums_of:
            if total.context is not None:
                folding = self._reader.folding(total.context)
                end = self._reader.position
                yield from (one.envelope.position for _, one in folding.walk([key], end, end))

    def _walk(self, fold: type[Fold], owners: set[str]) -> Iterator[tuple[int, Folding, str, Fact]]:
        folding, end = self._reader.folding(fold), self._reader.position
        for key, one in folding.walk(owners, end, end):
            yield one.envelope.position, folding, key, one

    def _fold(self, folding: Folding, key: str, one: Fact) -> bool:
        """Fold an event into a row; whether that is seen by whoever looks."""
        rows = self._rows[folding.fold]
        folding.apply(rows, [(one, (key,))])
        seen = key in self._looked.rows_of[folding.fold]
        for total, name in self._totals[folding.fold]:
            mine = type(total), name, key
            before = self._parts.get(mine, {})
            contributed = total.contributes(rows[key], self._reader.context(type(total)))
            # A copy: a row may give out a part of itself, which the next event changes.
            now = dict(contributed.get(name, {}))
            if now != before:
                seen = True
                self._parts[mine] = now
                sums = self._sums[type(total), name]
                for part, sign in ((before, -1), (now, +1)):
                    for amount, value in part.items():
                        sums[amount] = sums.get(amount, 0) + sign * value
        return seen
