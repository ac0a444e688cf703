"""``filrouge draw``: the steps of a draw, its list of entries, and the check of all of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from filrouge.commands_prizes import claim, forfeit, notify
from filrouge.console import Console, InstantOption, TextFile, pass_console, table
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from domain.decision import Command
    from domain.entry_lists import Entry
    from store.draws import History

MARKS: Final = {"holds": "ok", "wrong": "WRONG", "note": "note", "unchecked": "not checked"}


@click.group("draw")
def draw() -> None:
    """Hold a prize draw that anybody can check, and check one."""


for command in (notify, claim, forfeit):
    draw.add_command(command)


def _decided(console: Console, command: Command) -> tuple[int, list[Any]]:
    """Decide a command; the position of its last event, and the events."""
    from filrouge.wiring import ACTOR, new_id, opened_ledger

    with opened_ledger(console.settings) as ledger:
        verdict = ledger.decide(command, command_id=new_id("draw"), actor=ACTOR).result()
    return verdict.position, [recorded.event for recorded in verdict.events]


@draw.command("show")
@click.argument("draw_id", metavar="DRAW")
@click.option("--known-at", type=InstantOption(), help="What the ledger knew before this instant.")
@pass_console
def show(console: Console, *, draw_id: str, known_at: datetime | None) -> None:
    """Show how far a draw is, what was committed to, and who has which place."""
    from filrouge.wiring import opened_ledger
    from projections.draws import draw as draw_of
    from projections.known import PastReader
    from projections.selection import Selection, When

    with opened_ledger(console.settings) as ledger:
        selection = Selection.of(ledger.log, When(None, known_at))
        found = draw_of(PastReader(ledger.log, ledger.pool, selection), draw_id)
    if found is None:
        raise _unknown(draw_id)
    rows = [("place", "member", "entry", "prize", "state")]
    rows += [
        (str(one.place), one.member_id, one.entry, str(one.prize or "-"), one.state)
        for one in found.places
    ]
    said = f"{draw_id}: {str(found.step).replace('_', ' ')}"
    if found.commitment is not None:
        committed = found.commitment
        said += f"\n{committed.entries:,} entries under the root {committed.root}"
        said += f"\nThe value that decides is due {committed.due.isoformat()}"
    shown = table(rows, right=frozenset({0})) if found.places else ""
    console.result(msgspec.to_builtins(found), f"{said}\n{shown}".rstrip())


@draw.command("close")
@click.argument("draw_id", metavar="DRAW")
@pass_console
def close(console: Console, *, draw_id: str) -> None:
    """Let a draw take no more entries: what is in the log by then is its list."""
    from domain.commitments import CloseDraw

    position, _ = _decided(console, CloseDraw(draw_id=draw_id))
    console.result(
        {"draw_id": draw_id, "position": position},
        f"{draw_id} is closed, at position {position:,}.",
    )


@draw.command("commit")
@click.argument("draw_id", metavar="DRAW")
@click.option("--round", "number", type=click.IntRange(1), help="The drand round that decides.")
@click.option("--at", type=InstantOption(), help="Instead: the first round due at this instant.")
@click.option("--chain", metavar="HASH", help="The drand chain. Default: quicknet's.")
@pass_console
def commit(
    console: Console, *, draw_id: str, number: int | None, at: datetime | None, chain: str | None
) -> None:
    """Fix the list by its root, and name the drand round that will decide.

    Over HTTP a chain that is not well known, or a lottery's result, can be named too.
    """
    from domain.commitments import CommitDraw, NamedRound
    from domain.drand import QUICKNET, WELL_KNOWN
    from domain.draws import DrawCommitted

    if (number is None) == (at is None):
        raise click.UsageError("Name the --round, or the instant --at which it is due.")
    chain_hash = chain or QUICKNET.hash
    if number is None and at is not None:
        known = WELL_KNOWN.get(chain_hash)
        if known is None:
            raise click.UsageError("The time of a chain that is not well known: name the --round.")
        number = known.first_due(at)
    assert number is not None
    named = NamedRound(chain_hash=chain_hash, round=number)
    position, [event] = _decided(console, CommitDraw(draw_id=draw_id, drand=named))
    assert isinstance(event, DrawCommitted)
    console.result(
        {"draw_id": draw_id, "position": position, **msgspec.to_builtins(event)},
        f"{event.entries:,} entries under the root {event.root}, at position {position:,}.\n"
        f"Round {number:,} decides, due {event.due.isoformat()}:\n"
        f"https://api.drand.sh/{chain_hash}/public/{number}\n"
        "Publish this, and a checkpoint: filrouge log checkpoint",
    )


@draw.command("value")
@click.argument("draw_id", metavar="DRAW")
@click.option("--signature", metavar="HEX", help="The signature of the drand round.")
@click.option("--result", metavar="TEXT", help="The public result, in the form committed to.")
@pass_console
def value(console: Console, *, draw_id: str, signature: str | None, result: str | None) -> None:
    """Record the public value that decides, once it exists."""
    from domain.drawing import RecordDrawValue

    command = RecordDrawValue(draw_id=draw_id, signature=signature, result=result)
    position, [event] = _decided(console, command)
    console.result(
        {"draw_id": draw_id, "position": position, "randomness": event.randomness},
        f"{event.randomness} decides. Now: filrouge draw winners {draw_id}",
    )


@draw.command("winners")
@click.argument("draw_id", metavar="DRAW")
@pass_console
def winners(console: Console, *, draw_id: str) -> None:
    """Draw the winners and reserves by the recorded value, and grant the prizes."""
    from domain.drawing import DrawWinners
    from domain.draws import DrawPlaced

    position, events = _decided(console, DrawWinners(draw_id=draw_id))
    placed = [one for one in events if isinstance(one, DrawPlaced)]
    rows = [("place", "member", "entry", "prize")]
    rows += [(str(p.place), p.member_id, p.entry, str(p.prize or "-")) for p in placed]
    console.result(
        {"draw_id": draw_id, "position": position, "places": msgspec.to_builtins(placed)},
        table(rows, right=frozenset({0})) if placed else "Nobody had entered: nobody won.",
    )


@draw.command("entries")
@click.argument("draw_id", metavar="DRAW")
@click.option(
    "--export", "export", metavar="FILE", type=TextFile(), help="From an export, not the database."
)
@pass_console
def entries(console: Console, *, draw_id: str, export: Path | None) -> None:
    """Write the list of a closed draw: the lines over which its root is computed."""
    from filrouge.draw_exports import ExportHistory
    from filrouge.wiring import opened_ledger
    from store.draws import LogHistory

    if export is not None:
        history = ExportHistory(export)
        found = _listed(history, draw_id, len(history))
    else:
        with opened_ledger(console.settings) as ledger:
            found = _listed(LogHistory(ledger.log), draw_id, ledger.log.head().position)
    console.result(
        [one._asdict() for one in found],
        lambda: "\n".join(one.line.decode() for one in found),
    )


def _listed(history: History, draw_id: str, until: int) -> list[Entry]:
    from store.draws import list_at, state_of

    view = state_of(history, draw_id, until).view
    if view.terms is None:
        raise _unknown(draw_id)
    if view.closed_position is None:
        raise Failure(
            f"{draw_id} is not closed, so it has no list yet",
            f"When its last instant has passed: filrouge draw close {draw_id}",
            code="draw-not-closed", exit_code=Exit.REFUSED,
        )  # fmt: skip
    return list_at(history, view.terms, view.closed_position).entries


def _unknown(draw_id: str) -> Failure:
    return Failure(
        f"No draw {draw_id!r} was opened", "Check its id, and the ledger that is named.",
        code="draw-unknown", exit_code=Exit.UNKNOWN,
    )  # fmt: skip


@draw.command("verify")
@click.argument("draw_id", metavar="DRAW")
@click.option(
    "--export", "export", metavar="FILE", type=TextFile(),
    help="Check it in an export, without a database.",
)  # fmt: skip
@click.option(
    "--rules", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="The rules document, to compare with the hash that was published.",
)  # fmt: skip
@pass_console
def verify(console: Console, *, draw_id: str, export: Path | None, rules: Path | None) -> None:
    """Compute a draw again from the log: its list, its root, its times, its value, its winners.

    It says of each thing whether it holds, and what this software cannot check. It ends with 1 if
    anything is wrong.
    """
    from filrouge.draw_exports import ExportHistory
    from filrouge.wiring import opened_ledger
    from store.draw_audit import Check, audit_draw, sealed
    from store.draws import LogHistory

    document = None if rules is None else rules.read_bytes()
    if export is not None:
        file = ExportHistory(export)
        checks = audit_draw(file, draw_id, len(file), rules=document, progress=console.note)
        seal = Check("seal", "unchecked", f"that it is sealed: filrouge verify --export {export}")
    else:
        with opened_ledger(console.settings) as ledger:
            history, until = LogHistory(ledger.log), ledger.log.head().position
            checks = audit_draw(history, draw_id, until, rules=document, progress=console.note)
            seal = sealed(history, draw_id, until, ledger.tree)
    if not checks:
        raise _unknown(draw_id)
    checks = [*checks, seal]
    wrong = [one.name for one in checks if one.result == "wrong"]
    rows = [(MARKS[one.result], one.name, one.what) for one in checks]
    verdict = f"Wrong: {', '.join(wrong)}." if wrong else "What was checked holds."
    console.result(
        {"draw_id": draw_id, "holds": not wrong, "checks": [one._asdict() for one in checks]},
        f"{table(rows)}\n{verdict}",
    )
    if wrong:
        raise click.exceptions.Exit(Exit.REFUSED)
