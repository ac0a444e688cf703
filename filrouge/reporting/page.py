"""The report as a page of HTML that reads well on a screen and on paper; it loads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Final

from filrouge.importing.conversions import MINOR_DIGITS
from filrouge.reporting.figures import LINES, SHARES, Account, Books, Entry, Late, Listed, Report
from projections.liability_roll_forward import Rolled

Cells = Iterable[tuple[str, str]]
"""Cells of a row, each with its class."""


def as_html(report: Report) -> str:
    """The whole page."""
    style = files("filrouge.reporting").joinpath("page.css").read_text()
    title = f"{report.name}: report of {_day(report.since)} to {_day(report.until)}"
    sections = [
        _head(report),
        *(_account(one, "Points") for one in report.points),
        *(_account(one, one.name.capitalize()) for one in report.money),
        *(_books(one) for one in report.trial_balance),
        *(_rolled(one) for one in report.liability),
        _entries(
            "Adjustments by hand", report.adjustments, "Every one with its reason and author."
        ),
        _entries("Voided referrals", report.voided_referrals, "Referrals that were found false."),
        _entries(
            "Corrections",
            report.corrections,
            "Events and imports that were taken back within the period. What was voided stays in "
            "the log, and is in no figure of this report.",
        ),
        _late(
            "Late: of earlier periods",
            report.late_before,
            "Happened before the period and was recorded in it: in the opening here, and not in a "
            "report that was made before.",
        ),
        _late(
            "Late: of this period",
            report.late_after,
            "Happened in the period and was recorded after its end.",
        ),
        _entries(
            "Erasures",
            report.erasures,
            "Members whose personal data can be read by nobody any more.",
        ),
        _proof(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


COLUMNS: Final[tuple[tuple[str, str, Callable[[Entry], str]], ...]] = (
    ("Position", "n", lambda one: f"{one.position:,}"),
    ("Happened", "at", lambda one: _instant(one.time)),
    ("What", "what", lambda one: one.about),
    ("Points", "n", lambda one: "" if one.amount is None else f"{one.amount:+,}"),
    ("Reason", "why", lambda one: one.reason or ""),
    ("Author", "who", lambda one: one.author),
    ("Approved by", "who", lambda one: one.approved_by or ""),
)
"""Of a list of events: the head of each column, its class, and what stands in it."""


def _head(report: Report) -> str:
    known = (
        "everything that is known"
        if report.known_at is None
        else (f"what was known at {_instant(report.known_at)}")
    )
    facts = {
        "Period": f"{_instant(report.since)} to before {_instant(report.until)}, by time of event",
        "Counts": f"{known}, up to position {report.position:,}",
        "Ledger": f"{report.ledger}, {report.ledger_id}",
        "Made": _instant(report.made_at),
        "Verified": _verdict(report),
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return f"<header><p>Filrouge</p><h1>{escape(report.name)}</h1><dl>{rows}</dl></header>"


def _verdict(report: Report) -> str:
    checked = report.verification
    if not checked.done:
        return "not checked for this report"
    if checked.findings:
        return f"SOMETHING IS WRONG: {len(checked.findings):,} findings, see the last section"
    return "everything holds"


def _account(account: Account, title: str) -> str:
    rows = [_row([("Opening", "what"), ("", "n"), (_amount(account, account.opening), "n")], "sum")]
    rows += [
        _row(
            [
                (one.kind.replace("_", " ").capitalize(), "what"),
                (f"{one.events:,}", "n"),
                (_amount(account, one.amount), "n"),
            ]
        )
        for one in account.movements
    ]
    if not account.movements:
        rows.append(_row([("Nothing moved", "what"), ("", "n"), ("", "n")]))
    rows.append(
        _row([("Closing", "what"), ("", "n"), (_amount(account, account.closing), "n")], "sum")
    )
    head = ("Movement", "Events", account.unit)
    return _section(f"{title} ({account.unit})", "", _table(head, rows, "account"))


def _books(books: Books) -> str:
    rows = [
        _row(
            [(one.name.capitalize(), "what"), (f"{one.opening:,}", "n"), (f"{one.closing:,}", "n")],
            "sum" if one.name == "sum" else "",
        )
        for one in books.lines
    ]
    return _section(
        f"Trial balance ({books.programme}, {books.points_currency})",
        "The books of points at both ends of the period: credits are negative, and the sum is 0.",
        _table(("Account", "Opening", "Closing"), rows, "account"),
    )


LIABILITY: Final = {
    "contract_liability": (
        "Contract liability",
        "What was paid for points not redeemed yet, of lots earned by purchases (IFRS 15).",
        "Redemptions: revenue",
    ),
    "cost_provision": (
        "Cost provision",
        "The expected cost of points that were not earned by purchases (IAS 37).",
        "Redemptions: used",
    ),
}
"""Of each kind: its title, what it is, and what its redemptions are."""


def _rolled(rolled: Rolled) -> str:
    title, about, redemptions = LIABILITY[rolled.kind]
    names = {
        "opening": "Opening",
        "additions": "Additions, for points that were given",
        "returns": "Returns, for points that were clawed back",
        "redemptions": redemptions,
        "breakage": "Breakage recognised",
        "estimates": "Changes of estimate",
        "closing": "Closing",
    }
    rows = [
        _row(
            [(names[line], "what"), (_money(getattr(rolled, line), rolled.currency), "n")],
            "sum" if line in {"opening", "closing"} else "",
        )
        for line in LINES
    ]
    shares = [f"{getattr(rolled, share) / 100:.2f} %" for share in SHARES]
    return _section(
        f"{title} ({rolled.programme}, {rolled.points_currency})",
        f"{about} Expected to be redeemed: {shares[0]} at the opening, {shares[1]} at the closing.",
        _table(("Movement", rolled.currency), rows, "account"),
    )


def _entries(title: str, listed: Listed, about: str) -> str:
    if not listed.count:
        return _section(title, about, "<p class='none'>None.</p>")
    # What no event of the section says needs no column.
    columns = [
        (name, kind, cell)
        for name, kind, cell in COLUMNS
        if any(cell(one) for one in listed.entries)
    ]
    rows = [_row((cell(one), kind) for _, kind, cell in columns) for one in listed.entries]
    more = listed.count - len(listed.entries)
    rest = f"<p>And {more:,} more.</p>" if more else ""
    table = _table(tuple(name for name, _, _ in columns), rows, "wide")
    return _section(f"{title} ({listed.count:,})", about, table + rest)


def _late(title: str, late: list[Late], about: str) -> str:
    if not late:
        return _section(title, about, "<p class='none'>None.</p>")
    rows = [
        _row([(one.type, "what"), (f"{one.events:,}", "n"), (f"{one.longest_days:,}", "n")])
        for one in late
    ]
    total = sum(one.events for one in late)
    rows.append(_row([("In all", "what"), (f"{total:,}", "n"), ("", "n")], "sum"))
    return _section(title, about, _table(("Type", "Events", "Longest, in days"), rows))


def _proof(report: Report) -> str:
    checked = report.verification
    said = (
        f"{checked.entries:,} entries were hashed again, {checked.sealed:,} of them under "
        f"{checked.checkpoints:,} signed checkpoints; {checked.rows:,} rows of projections were "
        "folded again."
        if checked.done
        else "The ledger was not checked for this report: <code>filrouge verify</code> does it."
    )
    found = "".join(f"<li>{escape(one)}</li>" for one in checked.findings)
    note = f"<pre>{escape(report.checkpoint)}</pre>" if report.checkpoint else "<p>None yet.</p>"
    return _section(
        "Proof",
        "",
        f"<p>{said}</p><ul>{found}</ul><p>The signed checkpoint. Whoever keeps it can tell later "
        f"whether the log still begins with what this report was made of.</p>{note}",
    )


def _section(title: str, about: str, body: str) -> str:
    said = f"<p>{escape(about)}</p>" if about else ""
    return f"<section><h2>{escape(title)}</h2>{said}{body}</section>"


def _table(head: tuple[str, ...], rows: list[str], kind: str = "") -> str:
    cells = "".join(f"<th scope='col'>{escape(one)}</th>" for one in head)
    body = "".join(rows)
    return f"<table class='{kind}'><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _row(cells: Cells, kind: str = "") -> str:
    inside = "".join(f"<td class='{name}'>{escape(text)}</td>" for text, name in cells)
    return f"<tr class='{kind}'>{inside}</tr>"


def _amount(account: Account, amount: int) -> str:
    return _money(amount, account.unit) if account.money else f"{amount:,}"


def _money(amount: int, currency: str) -> str:
    digits = MINOR_DIGITS.get(currency, 2)
    whole, part = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole:,}.{part:0{digits}}" if digits else f"{sign}{whole:,}"


def _day(at: datetime) -> str:
    return at.date().isoformat()


def _instant(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="minutes")
