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
from typing import Any, Final

import msgspec

from domain.errors import FilrougeError
from domain.reading import Fact
from projections.fold import Fold, Total, owner_of
from projections.folding import Folding
from projections.known import PastReader, Sums

Leaf = int | str | bool | None
Figures = dict[str, Leaf]
"""Every single thing that an answer says, by its path: ``people.known``, ``lots[l1].active``."""
TERMS_MAX: Final = 40
"""Terms that are written out of a sum; the rest of a longer one is added up."""


class NoSuchFigure(FilrougeError):
    """The answer has no figure of this name: the explanation without one names all that it has."""


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one event changed of one figure."""

    figure: str
    change: int | None = None
    """What it added (or took off). None: it is no number, and became ``value``."""
    value: Leaf = None
    """What it was from then on."""


class Step(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One event, and what it changed."""

    position: int
    type: str
    time: datetime
    recorded_at: datetime
    what: str
    """What such an event says, in a sentence."""
    changes: list[Change]
    cause: int | None = None
    """The position of the event that made this one."""
    rule_id: str | None = None
    rule_version: int | None = None
    reason: str | None = None
    proof: str | None = None
    """What proves that the event is in the signed log (C2SP tlog-proof), if it was asked for."""


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A figure, and how it adds up."""

    figure: str
    value: Leaf
    arithmetic: str


class Explanation(msgspec.Struct, kw_only=True):
    """Figures with every event that changed them."""

    position: int
    """Events up to this position count."""
    figures: list[Explained]
    steps: list[Step]
    computed_with: list[int]
    """Positions of the events that made what the figures are computed with: dates of a plan."""
    words: list[str]
    """The same, to be read."""


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
    if figure is not None and not final and not any(_is_below(name, figure) for name in every):
        raise NoSuchFigure(figure=figure)
    replayed = _Replayed(reader, looked)
    steps: list[Step] = []
    before: Figures = {}
    for one in replayed.events():
        now = _chosen(figures_of(query(replayed)), figure)
        if changes := list(_changes(before, now)):
            steps.append(_step(one, changes))
        before = now
    assert before == final, f"does not end at the figure: {before.items() ^ final.items()}"
    computed_with = sorted(set(replayed.context_positions()))
    if figure in every:
        final.setdefault(figure, every[figure])
    explained = [_explained(name, value, steps) for name, value in sorted(final.items())]
    words = [*map(_said, explained), *map(_told, steps)]
    return Explanation(
        position=reader.position,
        figures=explained,
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


def is_number(leaf: Leaf) -> bool:
    """Whether a leaf is a figure that adds up."""
    return isinstance(leaf, int) and not isinstance(leaf, bool)


def _chosen(figures: Figures, figure: str | None) -> Figures:
    """The figures that are asked for; without a path, all numbers that are not zero."""
    if figure is None:
        return {name: leaf for name, leaf in figures.items() if is_number(leaf) and leaf}
    return {
        name: leaf
        for name, leaf in figures.items()
        if leaf is not None and _is_below(name, figure) and (leaf or not is_number(leaf))
    }


def _is_below(name: str, figure: str) -> bool:
    return name.startswith(figure) and (name == figure or name[len(figure)] in ".[")


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
        folding.apply(rows, [(key, one)])
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


def _changes(before: Figures, now: Figures) -> Iterator[Change]:
    for name in sorted(before.keys() | now.keys()):
        was, becomes = before.get(name), now.get(name)
        if was == becomes and type(was) is type(becomes):
            continue
        if is_number(was if becomes is None else becomes):
            change = int(becomes or 0) - int(was or 0)
            yield Change(figure=name, change=change, value=int(becomes or 0))
        else:
            yield Change(figure=name, value=becomes)


def _step(one: Fact, changes: list[Change]) -> Step:
    envelope, event = one.envelope, one.event
    return Step(
        position=envelope.position,
        type=envelope.type,
        time=envelope.time,
        recorded_at=envelope.recorded_at,
        what=_first_sentence(type(event)),
        changes=changes,
        cause=envelope.cause,
        rule_id=getattr(event, "rule_id", None),
        rule_version=getattr(event, "rule_version", None),
        reason=getattr(event, "reason", None),
    )


def _first_sentence(event: type) -> str:
    """The first sentence of what the catalogue says of an event; read as a subclass of its own."""
    said = next((cls.__doc__ for cls in event.__mro__ if cls.__doc__), "")
    return " ".join(said.partition("\n\n")[0].split())


def _explained(name: str, value: Leaf, steps: list[Step]) -> Explained:
    changes = [one for step in steps for one in step.changes if one.figure == name]
    if not changes:
        return Explained(figure=name, value=value, arithmetic="no event says anything of it")
    if not is_number(value):
        return Explained(figure=name, value=value, arithmetic=f"as it was said last: {value}")
    terms = [one.change or 0 for one in changes]
    shown = terms[:TERMS_MAX]
    text = " ".join(f"{'-' if term < 0 else '+'} {abs(term):,}" for term in shown)
    text = text.removeprefix("+ ")
    if rest := terms[TERMS_MAX:]:
        text += f" + {sum(rest):,} (by {len(rest):,} more events)".replace("+ -", "- ")
    return Explained(figure=name, value=value, arithmetic=f"{text} = {value:,}")


def _said(one: Explained) -> str:
    return f"{one.figure} is {one.value}: {one.arithmetic}"


def _told(step: Step) -> str:
    parts = [
        f"{one.figure} {one.change:+,}" if one.change is not None else f"{one.figure}: {one.value}"
        for one in step.changes
    ]
    because = [f"by rule {step.rule_id} version {step.rule_version}"] if step.rule_id else []
    because += [f"because of position {step.cause}"] if step.cause is not None else []
    because += [f"reason: {step.reason}"] if step.reason else []
    rest = f" ({', '.join(because)})" if because else ""
    return (
        f"{step.time.isoformat()}, position {step.position:,}, {step.type}: "
        f"{', '.join(parts)}{rest}. {step.what}"
    )
