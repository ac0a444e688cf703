"""What a run came to: a table for people, JSON for machines, and the page of the reference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.harness import Result, Spread

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "performance.md"
DIGITS_FROM: Final = 100
HEADINGS: Final = ("case", "ours", "peer", "ratio", "must", "aim", "reached?")


def table(results: Iterable[Result]) -> str:
    """One line for each case."""
    rows: list[tuple[str, ...]] = [("benchmark", *HEADINGS, "peer is")]
    rows += [(one.name, *_cells(one), _peer(one)) for one in results]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def detail(result: Result) -> str:
    """A case with the minimum, median and maximum of its repetitions."""
    lines = [f"{result.name}: {result.case}"]
    if result.not_run is not None:
        return f"{lines[0]}\n  not run: {result.not_run}"
    lines.append(f"  ours   {_spread(result.ours_spread)} {result.unit}")
    if result.peer is not None:
        lines.append(f"  peer   {_spread(result.peer_spread)} {result.unit}  ({result.peer_name})")
        lines.append(f"  ratio  {_spread(result.ratio_spread)}")
    lines += [f"  {said}" for said in (result.sizes, result.note) if said]
    return "\n".join(lines)


def missed(results: Iterable[Result]) -> bool:
    """Whether anything that must be reached is not."""
    return any(one.reached is False for one in results)


def as_json(results: Sequence[Result]) -> bytes:
    """The results as ``var/bench.json`` holds them."""
    return msgspec.json.format(msgspec.json.encode(results)) + b"\n"


def kept(held: bytes, names: Collection[str]) -> list[Result]:
    """The results of some benchmarks that an earlier run left behind."""
    return [one for one in msgspec.json.decode(held, type=list[Result]) if one.name in names]


def page(results: Sequence[Result], shown: Mapping[str, str], left_out: Sequence[str] = ()) -> str:
    """The page of the reference; what was never run is said."""
    lines = [
        "# Performance", "",
        "<!-- Made by `make bench PAGE=1`. What is edited here is lost. -->", "",
        "Ours beside others, each benchmark measured in one run, all on one machine. Each figure",
        "is the median of its repetitions, and each ratio that of the repetitions' ratios, since",
        "ours and the yardstick take turns. So compare ratios, not speeds.", "",
        *(f"- {name}: {value}" for name, value in shown.items()), "",
        *((f"Not measured: {', '.join(left_out)}.", "") if left_out else ()),
    ]  # fmt: skip
    for name in dict.fromkeys(one.name for one in results):
        some = [one for one in results if one.name == name]
        lines += [f"## {name}", "", f"Measured on {some[0].measured_on}.", ""]
        lines.append(_row((*HEADINGS[:1], "unit", *HEADINGS[1:], "peer")))
        lines.append(_row(["---"] * 9))
        for one in some:
            case, *cells = _cells(one)
            lines.append(_row((case, one.unit, *cells, one.peer_name)))
        lines += ["", "| case | ours: minimum, median, maximum | the peer's | sizes | |"]
        lines.append(_row(["---"] * 5))
        lines += [
            _row(
                (one.case, _spread(one.ours_spread), _spread(one.peer_spread), one.sizes, one.note)
            )
            for one in some
        ]
        lines.append("")
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(result: Result) -> tuple[str, ...]:
    limit = "<= " if result.at_most else ""
    return (
        result.case,
        _figure(result.ours),
        _figure(result.peer),
        _figure(result.ratio),
        f"{limit}{_figure(result.must)}" if result.must is not None else "",
        f"{limit}{_figure(result.aim)}" if result.aim is not None else "",
        _reached(result),
    )


def _reached(result: Result) -> str:
    if result.not_run is not None:
        return "NOT RUN"
    return {True: "yes", False: "NO", None: ""}[result.reached]


def _peer(result: Result) -> str:
    return result.not_run or result.peer_name


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= DIGITS_FROM else f"{value:.3g}"


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return ", ".join(map(_figure, (spread.minimum, spread.median, spread.maximum)))
