"""``filrouge programme``: the terms of points and tiers, and the rules, as one file says them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from filrouge.commands_rules import changes_of, decided
from filrouge.console import Console, TextFile, pass_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.decision import Command
    from domain.programmes import Terms
    from filrouge.programme_files import SaidProgramme


class Changed(NamedTuple):
    """What a file changes of a programme or of a rule."""

    what: str
    name: str
    change: str
    detail: str
    command: Command


@click.group("programme")
def programme() -> None:
    """Open and amend programmes, with their points, tiers and rules."""


@programme.command("apply")
@click.argument("file", type=TextFile(), metavar="PROGRAMME.toml")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--retire", is_flag=True, help="Retire the rules that the file does not name.")
@click.option("--reason", metavar="TEXT", help="Why rules change; it is part of the history.")
@pass_console
def apply(console: Console, *, file: Path, dry_run: bool, retire: bool, reason: str | None) -> None:
    """Open the programmes of a file that are new, amend those that it says otherwise; then rules.

    What the file says as the ledger says it already stays as it is, so it can be applied again. A
    points currency that the file leaves out stays; tiers that it leaves out are cleared.
    """
    from domain.programmes import EVERY_PROGRAMME, ProgrammeTerms
    from filrouge.programme_files import read_programmes
    from filrouge.wiring import opened_ledger
    from store.explaining import History

    said = read_programmes(file)
    with opened_ledger(console.settings) as ledger:
        history = History(ledger.log, ledger.log.head().position)
        known = history.view(ProgrammeTerms(EVERY_PROGRAMME))
        assert isinstance(known, ProgrammeTerms)
        changes = [
            one
            for name, terms in said.programmes.items()
            for one in _programme_changes(file, name, terms, known.versions.get(name, ()))
        ]
        changes += [
            Changed("rule", name, change, "", command)
            for name, change, command in changes_of(
                said.rules, history.rules(), retire=retire, reason=reason
            )
        ]
        commands = [one.command for one in changes]
        position = None if dry_run else decided(ledger, commands)
    done = [
        {"what": one.what, "name": one.name, "change": one.change, "detail": one.detail}
        for one in changes
    ]
    console.result(
        {"dry_run": dry_run, "changes": done, "position": position},
        "\n".join(_told(one, dry_run=dry_run) for one in changes)
        or "The ledger has these programmes and rules already.",
    )


def _told(one: Changed, *, dry_run: bool) -> str:
    verb = "Would be" if dry_run else "Was"
    return f"{verb} {one.change}: {one.what} {one.name}{': ' if one.detail else ''}{one.detail}"


def _programme_changes(
    file: Path, name: str, said: SaidProgramme, versions: Any
) -> Iterator[Changed]:
    """How the terms of a file come about, given every version that there was."""
    from domain.programmes import AmendProgramme, OpenProgramme
    from filrouge.programme_files import wrong_programmes

    if not versions:
        opening = OpenProgramme(
            programme=name, name=said.name, time_zone=said.time_zone, currencies=said.currencies,
            tiers=said.tiers, time=said.since,
        )  # fmt: skip
        units = ", ".join(one.points_currency for one in said.currencies)
        tiers = [one.tier for one in said.tiers.tiers] if said.tiers else []
        detail = f"points {units}; tiers {', '.join(tiers) or 'none'}"
        yield Changed("programme", name, "opened", detail, opening)
        return
    last: Terms = versions[-1]
    if said.time_zone is not None and said.time_zone != last.time_zone:
        is_in = f"programmes.{name}.time_zone: the programme is in {last.time_zone}, for ever"
        raise wrong_programmes(file, is_in)
    changed = tuple(one for one in said.currencies if last.of(one.points_currency) != one)
    parts = [one.points_currency for one in changed]
    parts += ["tiers"] if said.tiers != last.tiers else []
    parts += ["name"] if said.name != last.name else []
    if not parts:
        return
    if said.since is not None and said.since < last.since:
        before = f"programmes.{name}.since: newer terms are in force from {last.since.isoformat()}"
        raise wrong_programmes(file, f"{before} on; say that instant or a later one")
    amending = AmendProgramme(
        programme=name,
        name=said.name if said.name != last.name else None,
        currencies=changed,
        tiers=said.tiers if said.tiers != last.tiers else None,
        clear=("tiers",) if said.tiers is None and last.tiers is not None else (),
        time=said.since,
    )
    since = "now" if said.since is None else said.since.isoformat()
    yield Changed("programme", name, "amended", f"{', '.join(parts)} from {since} on", amending)
