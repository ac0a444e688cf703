"""``filrouge draw notify``, ``claim`` and ``forfeit``: what becomes of a place that has a prize."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from filrouge.console import Console, InstantOption, pass_console

REASONS = ("unclaimed", "declined", "unreachable", "ineligible", "entry_false")


@click.command("notify")
@click.argument("draw_id", metavar="DRAW")
@click.argument("place", type=click.IntRange(1))
@click.option("--channel", default="email", show_default=True, help="How the winner was told.")
@click.option("--claim-until", type=InstantOption(), help="From then on it can not be claimed.")
@pass_console
def notify(
    console: Console, *, draw_id: str, place: int, channel: str, claim_until: datetime | None
) -> None:
    """State that the winner of PLACE was told, and until when to claim."""
    from domain.prizes import NotifyWinner

    command = NotifyWinner(draw_id=draw_id, place=place, channel=channel, claim_until=claim_until)
    _done(console, command, f"The winner of place {place} was told.")


@click.command("claim")
@click.argument("draw_id", metavar="DRAW")
@click.argument("place", type=click.IntRange(1))
@pass_console
def claim(console: Console, *, draw_id: str, place: int) -> None:
    """Let the winner of PLACE claim the prize."""
    from domain.prizes import ClaimPrize

    command = ClaimPrize(draw_id=draw_id, place=place)
    _done(console, command, f"The prize of place {place} is claimed.")


@click.command("forfeit")
@click.argument("draw_id", metavar="DRAW")
@click.argument("place", type=click.IntRange(1))
@click.option(
    "--reason", type=click.Choice(REASONS), required=True, help="Why the winner does not get it."
)
@click.option("--detail", metavar="TEXT", help="More about it; it is part of the history.")
@pass_console
def forfeit(console: Console, *, draw_id: str, place: int, reason: Any, detail: str | None) -> None:
    """Let the prize of PLACE be forfeited: the next reserve has it."""
    from domain.forfeits import ForfeitPrize

    command = ForfeitPrize(draw_id=draw_id, place=place, reason=reason, detail=detail)
    _done(console, command, f"The prize of place {place} is forfeited.")


def _done(console: Console, command: Any, text: str) -> None:
    from domain.prizes import DrawPrizePassedOn
    from filrouge.wiring import ACTOR, new_id, opened_ledger

    with opened_ledger(console.settings) as ledger:
        verdict = ledger.decide(command, command_id=new_id("draw"), actor=ACTOR).result()
    events = [recorded.event for recorded in verdict.events]
    next_ = [one.place for one in events if isinstance(one, DrawPrizePassedOn)]
    if next_:
        text += f" Place {next_[0]} has it now."
    console.result(
        {"position": verdict.position, "place": command.place, "passed_on_to": next_[:1]}, text
    )
