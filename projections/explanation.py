"""What an explanation says: figures, the events that changed them, and both in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from domain.errors import FilrougeError
from domain.reading import Fact
from store.explaining import Judged


class NoSuchFigure(FilrougeError):
    """The answer has no figure of this name: the explanation without one names all that it has."""


Leaf = int | str | bool | None
TERMS_MAX: Final = 40
"""Terms that are written out of a sum; the rest of a longer one is added up."""


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
    judged: Judged | None = None
    """Of an event: what each rule found, as it is."""


def is_below(name: str, figure: str) -> bool:
    """Whether the path of a figure is another one, or lies below it."""
    return name.startswith(figure) and (name == figure or name[len(figure)] in ".[")


def is_number(leaf: Leaf) -> bool:
    """Whether a leaf is a figure that adds up."""
    return isinstance(leaf, int) and not isinstance(leaf, bool)


def changes_between(before: Mapping[str, Leaf], now: Mapping[str, Leaf]) -> Iterator[Change]:
    """What differs between two answers, figure by figure."""
    for name in sorted(before.keys() | now.keys()):
        was, becomes = before.get(name), now.get(name)
        if was == becomes and type(was) is type(becomes):
            continue
        if is_number(was if becomes is None else becomes):
            change = int(becomes or 0) - int(was or 0)
            yield Change(figure=name, change=change, value=int(becomes or 0))
        else:
            yield Change(figure=name, value=becomes)


def step_of(one: Fact, changes: list[Change]) -> Step:
    """An event with what it changed."""
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


def explained(name: str, value: Leaf, steps: list[Step]) -> Explained:
    """A figure, with its arithmetic."""
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


def said(one: Explained) -> str:
    """A figure in words."""
    return f"{one.figure} is {one.value}: {one.arithmetic}"


def told(step: Step) -> str:
    """A step in words."""
    parts = [
        f"{one.figure} {one.change:+,}" if one.change is not None else f"{one.figure}: {one.value}"
        for one in step.changes
    ]
    because = [f"by rule {step.rule_id} version {step.rule_version}"] if step.rule_id else []
    because += [f"because of position {step.cause}"] if step.cause is not None else []
    because += [f"reason: {step.reason}"] if step.reason else []
    rest = f" ({', '.join(because)})" if because else ""
    changed = f": {', '.join(parts)}" if parts else ""
    return (
        f"{step.time.isoformat()}, position {step.position:,}, {step.type}{changed}{rest}. "
        f"{step.what}"
    )
