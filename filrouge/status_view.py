"""A ledger's status as a person reads it: who leads, what is behind, what fails, what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from filrouge.console import table
from filrouge.figures import Figures
from projections.lease import Leader
from projections.progress import Filling
from projections.status import ProjectionStatus
from store.sizes import PartSize, total_bytes

NUMBERS: Final = frozenset({2, 3, 4})
UNITS: Final = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def leader_text(leader: Leader | None) -> str:
    """Who runs the projections."""
    if leader is None:
        return "nobody has run the projections yet"
    if not leader.held:
        return f"nobody runs the projections; {leader.name} did, until {leader.until:%Y-%m-%d %X}"
    return f"projections are run by {leader.name} since {leader.since:%Y-%m-%d %X}"


def projections_text(states: Sequence[ProjectionStatus]) -> str:
    """Where each projection stands, and under the table why one stands still."""
    rows = [("projection", "state", "position", "behind", "seconds")]
    rows += [
        (one.name, one.state, f"{one.position:,}", f"{one.lag_events:,}", f"{one.lag_seconds:,.1f}")
        for one in states
    ]
    failed = [
        f"{one.name} stands still before position {one.failed_position:,}: {one.failure}"
        for one in states
        if one.failed_position is not None
    ]
    return "\n".join([table(rows, right=NUMBERS), *failed])


def rebuilds_text(rebuilds: Sequence[Filling]) -> str:
    """What is being filled anew, and how far it is."""
    rows = [("filled anew", "by", "position", "of", "")]
    rows += [
        (
            f"{one.name} v{one.version}", one.made_by, f"{one.position:,}", f"{one.horizon:,}",
            f"{100 * one.position // max(one.horizon, 1)} % in {one.seconds:,.0f} s"
            if one.running
            else "killed; the next rebuild removes it",
        )
        for one in rebuilds
    ]  # fmt: skip
    return table(rows, right=frozenset({2, 3}))


def sizes_text(parts: Sequence[PartSize], events: int) -> str:
    """What each part takes on the disk, and the log for each event."""
    rows = [("on disk", "tables", "indexes", "partitions")]
    rows += [
        (
            one.part, in_bytes(one.table_bytes), in_bytes(one.index_bytes),
            str(one.partitions or ""),
        )
        for one in parts
    ]  # fmt: skip
    each = f", {total_bytes(parts) // events:,} bytes an event" if events else ""
    said = f"{in_bytes(total_bytes(parts))} together{each}"
    return f"{table(rows, right=frozenset({1, 2, 3}))}\n{said}"


def figures_text(figures: Figures) -> Iterator[str]:
    """The events by type, and what they add up to."""
    events = [("event", "count")]
    events += [(event, f"{count:,}") for event, count in figures.events.items()]
    yield table(events, right=frozenset({1}))
    totals = [(f"points {what}", f"{points:,}", "") for what, points in figures.points.items()]
    totals += [
        (what.replace("_", " "), money(amount, currency), currency)
        for what, by_currency in figures.money.items()
        for currency, amount in by_currency.items()
    ]
    if figures.voided:
        totals.append(("voided events", f"{figures.voided:,}", ""))
    if totals:
        yield table(totals, right=frozenset({1}))


def in_bytes(count: int) -> str:
    """A number of bytes as people read it: ``12.3 MiB``."""
    for size, unit in UNITS:
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"


def money(minor_units: int, currency: str) -> str:
    """An amount as people write it: ``1,775,451.97``."""
    from filrouge.importing.conversions import MINOR_DIGITS

    digits = MINOR_DIGITS.get(currency, 2)
    whole, fraction = divmod(abs(minor_units), 10**digits)
    sign = "-" if minor_units < 0 else ""
    return f"{sign}{whole:,}.{fraction:0{digits}d}" if digits else f"{sign}{whole:,}"
