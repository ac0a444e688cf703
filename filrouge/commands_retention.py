"""``filrouge retention`` and ``completeness``: what falls due, and what has not arrived."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from filrouge.commands_privacy import AT, instant_of
from filrouge.console import Console, pass_console, table
from filrouge.failures import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projections.reader import Reader
    from projections.retention import Due

STATUSES = ("visitor", "prospect", "member", "former_member")


@click.group("retention")
def retention() -> None:
    """Say how long data is kept, see what falls due, and erase it."""


@retention.command("declare")
@click.argument("purpose")
@click.argument("status", type=click.Choice(STATUSES))
@click.argument("days", type=click.IntRange(0, 36_500), required=False)
@click.option("--justification", required=True, metavar="TEXT", help="The law, or the reasoning.")
@click.option("--approved-by", metavar="ID", help="Opaque id of whoever approved it.")
@pass_console
def declare(
    console: Console, *, purpose: str, status: str, days: int | None, justification: str,
    approved_by: str | None,
) -> None:  # fmt: skip
    """Keep data about people of STATUS for PURPOSE for so many DAYS since the last contact.

    Without DAYS: no longer for this purpose.
    """
    import msgspec

    from domain.retention import DeclareRetention
    from filrouge.wiring import ACTOR, new_id, opened_ledger

    said = {
        "purpose_id": purpose, "status": status, "days": days, "justification": justification,
        "approved_by": approved_by,
    }  # fmt: skip
    try:
        command = msgspec.convert(said, DeclareRetention)
    except msgspec.ValidationError as error:
        raise click.BadParameter(str(error)) from None
    with opened_ledger(console.settings) as ledger:
        verdict = ledger.decide(command, command_id=new_id("cli"), actor=ACTOR).result()
    console.result({"position": verdict.position}, f"Declared at position {verdict.position:,}.")


@retention.command("due")
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Default: all.")
@click.option("--at", type=AT, help="The instant that is asked about. Default: now.")
@pass_console
def due(console: Console, *, status: tuple[str, ...], at: datetime | None) -> None:
    """List the people of whom data falls due, longest ago first."""
    import msgspec

    from filrouge.wiring import ACTOR, opened_ledger
    from projections.reader import reading
    from projections.retention import RETENTION

    with opened_ledger(console.settings) as ledger:
        ledger.accesses.record(ACTOR, "retention due", ()).result()
        with reading(ledger.pool, RETENTION) as reader:
            found = list(_due(reader, status or STATUSES, instant_of(at)))
    rows = [("who", "status", "since", "due for", "erase", "held by")]
    rows += [
        (
            one.subject, one.status, one.since, ",".join(one.purposes),
            "yes" if one.erase else "no", ",".join(one.holds) or "-",
        )
        for one in found
    ]  # fmt: skip
    console.result(msgspec.to_builtins(found), table(rows) if found else "Nothing falls due.")


@retention.command("erase")
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Default: all.")
@click.option("--at", type=AT, help="Whoever is due at this instant. Default: now.")
@click.pass_context
def erase_due(ctx: click.Context, *, status: tuple[str, ...], at: datetime | None) -> None:
    """Erase everybody of whom data is kept for no purpose any longer, and who is not held.

    As `filrouge erase` does, with the reason `retention`. Look first: filrouge retention due.
    """
    from filrouge.commands_erase import erase
    from filrouge.wiring import opened_ledger
    from projections.reader import reading
    from projections.retention import RETENTION

    console = ctx.ensure_object(Console)
    with opened_ledger(console.settings) as ledger, reading(ledger.pool, RETENTION) as reader:
        found = _due(reader, status or STATUSES, instant_of(at))
        subjects = tuple(one.subject for one in found if one.erase)
    if not subjects:
        console.result(
            {"erased": [], "erased_before": [], "refused": []}, "Nobody is to be erased."
        )
        return
    ctx.invoke(erase, subjects=subjects, reason="retention")


def _due(reader: Reader, statuses: tuple[str, ...], at: datetime) -> Iterator[Due]:
    from projections.retention import DUE_MAX, due as due_of

    for status in statuses:
        after: tuple[str, str] | None = None
        while page := due_of(reader, status, at, after, DUE_MAX):
            yield from page
            after = (page[-1].since, page[-1].subject.partition(":")[2])


@click.command("completeness")
@click.argument("first", type=click.DateTime(["%Y-%m-%d"]))
@click.argument("last", type=click.DateTime(["%Y-%m-%d"]), required=False)
@click.option("--feed", metavar="SOURCE", help="Only one source of events.")
@click.option("--all", "every", is_flag=True, help="Also the days that are complete.")
@pass_console
def completeness(
    console: Console, *, first: datetime, last: datetime | None, feed: str | None, every: bool
) -> None:
    """Compare what arrived with what should have, from the day FIRST to LAST.

    What should have arrived, sources report as control_total.reported. It ends with 1 if something
    is missing, or too much, or was never reported.
    """
    import msgspec

    from filrouge.wiring import ACTOR, opened_ledger
    from store.completeness import compared_between

    days = first.date(), (last or first).date()
    if days[1] < days[0]:
        raise click.UsageError("LAST follows FIRST.")
    with opened_ledger(console.settings) as ledger:
        ledger.accesses.record(ACTOR, "completeness", ()).result()
        found = list(compared_between(ledger.log, *days, feed=feed))
    wrong = [one for one in found if not one.complete]
    rows = [("day", "source", "store", "", "reported", "arrived", "missing", "missing net")]
    rows += [
        (
            one.business_date, one.feed, one.store_id or "-", one.currency or "-",
            "-" if one.reported is None else f"{one.reported.count:,}", f"{one.arrived.count:,}",
            f"{one.missing:,}", "-" if one.missing_net is None else f"{one.missing_net:,}",
        )
        for one in (found if every else wrong)
    ]  # fmt: skip
    text = f"{len(found) - len(wrong):,} of {len(found):,} are complete."
    shown = table(rows, right=frozenset({4, 5, 6, 7})) if len(rows) > 1 else ""
    console.result(msgspec.to_builtins(found), f"{shown}\n{text}".lstrip("\n"))
    if wrong:
        raise click.exceptions.Exit(Exit.REFUSED)
