"""The report as rows: one CSV, in which every figure of the JSON and of the page stands."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Final

from filrouge.reporting.figures import LINES, SHARES, Listed, Report

COLUMNS: Final = (
    "section", "name", "unit", "kind", "events", "amount", "position", "time", "recorded_at",
    "type", "about", "reason", "author", "approved_by",
)  # fmt: skip
Row = dict[str, object]


def as_csv(report: Report) -> str:
    """The report as CSV (RFC 4180), with a header; amounts of money are minor units."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for row in rows(report):
        writer.writerow({name: _safe(value) for name, value in row.items()})
    return text.getvalue()


def rows(report: Report) -> Iterator[Row]:
    """Every row, section after section."""
    yield {"section": "report", "name": "ledger", "about": report.ledger_id}
    for name in ("since", "until", "known_at", "made_at"):
        yield {"section": "report", "name": name, "time": getattr(report, name)}
    yield {"section": "report", "name": "position", "position": report.position}
    for account in (*report.points, *report.money):
        section = "money" if account.money else "points"
        told: Row = {"section": section, "name": account.name, "unit": account.unit}
        yield {**told, "kind": "opening", "amount": account.opening}
        for move in account.movements:
            yield {**told, "kind": move.kind, "events": move.events, "amount": move.amount}
        yield {**told, "kind": "closing", "amount": account.closing}
    yield from _books(report)
    yield from _liability(report)
    for name in ("adjustments", "voided_referrals", "corrections", "erasures"):
        yield from _listed(name, getattr(report, name))
    for name in ("late_before", "late_after"):
        for late in getattr(report, name):
            yield {
                "section": name, "type": late.type, "events": late.events, "kind": "longest days",
                "amount": late.longest_days,
            }  # fmt: skip
    checked = report.verification
    for name in ("entries", "sealed", "checkpoints", "rows"):
        yield {"section": "verification", "name": name, "events": getattr(checked, name)}
    yield {"section": "verification", "name": "done", "about": "yes" if checked.done else "no"}
    for finding in checked.findings:
        yield {"section": "verification", "name": "finding", "about": finding}
    yield {"section": "checkpoint", "about": report.checkpoint}


def _books(report: Report) -> Iterator[Row]:
    for books in report.trial_balance:
        for line in books.lines:
            told: Row = {
                "section": "trial_balance", "name": line.name,
                "unit": f"{books.programme}/{books.points_currency}",
            }  # fmt: skip
            yield {**told, "kind": "opening", "amount": line.opening}
            yield {**told, "kind": "closing", "amount": line.closing}


def _liability(report: Report) -> Iterator[Row]:
    for rolled in report.liability:
        told: Row = {
            "section": "liability", "name": rolled.kind, "unit": rolled.currency,
            "about": f"{rolled.programme}/{rolled.points_currency}",
        }  # fmt: skip
        for line in LINES:
            yield {**told, "kind": line, "amount": getattr(rolled, line)}
        for line in SHARES:
            yield {**told, "unit": "basis points", "kind": line, "amount": getattr(rolled, line)}


def _listed(section: str, listed: Listed) -> Iterator[Row]:
    yield {"section": section, "kind": "all", "events": listed.count}
    for one in listed.entries:
        yield {
            "section": section, "amount": one.amount, "position": one.position, "time": one.time,
            "recorded_at": one.recorded_at, "type": one.type, "about": one.about,
            "reason": one.reason, "author": one.author, "approved_by": one.approved_by,
        }  # fmt: skip


def _safe(value: object) -> object:
    """An instant as RFC 3339; a text that a spreadsheet would take for a formula is kept a text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"}:
        return f"'{value}"
    return value
