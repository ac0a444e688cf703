"""``filrouge games``: publish instant-win games, and recompute every play when they are over."""

from __future__ import annotations

import secrets
import tomllib
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from filrouge.console import Console, TextFile, pass_console

REMEDY: Final = "Correct the file; docs/how-to/offer-rewards.md shows one."


@click.group("games")
def games() -> None:
    """Open instant-win games, and check them."""


@games.command("open")
@click.argument("file", type=TextFile(), metavar="GAME.toml")
@pass_console
def open_(console: Console, *, file: Path) -> None:
    """Publish the game that FILE describes: prizes, odds, and the digest of a secret seed.

    The seed is made here, sealed in the log, and shown to nobody until the game is over. The file
    names a public random value that is still to come (``public_source``). When it has come out,
    POST /v1/{ledger}/games/{game_id}/start records it, and the game can be played.
    """
    from domain.instant_wins import SEED_BYTES, commitment_of
    from domain.playing import OpenGame
    from filrouge.failures import Exit, Failure
    from filrouge.wiring import ACTOR, new_id, opened_ledger

    seed = secrets.token_hex(SEED_BYTES)
    commitment = commitment_of(seed)
    try:
        said: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        command = msgspec.convert({**said, "seed": seed, "commitment": commitment}, OpenGame)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Failure(f"{file}: {error}", REMEDY, code="wrong-game", exit_code=Exit.USAGE) from None
    with opened_ledger(console.settings) as ledger:
        verdict = ledger.decide(command, command_id=new_id("game"), actor=ACTOR).result()
    console.result(
        {
            "game_id": command.game_id, "position": verdict.position, "commitment": commitment,
            "public_source": command.public_source,
        },
        f"The game {command.game_id} was published at position {verdict.position:,}.\n"
        f"Commitment to its seed: {commitment}\nWaits for: {command.public_source}",
    )  # fmt: skip


@games.command("verify")
@click.argument("game_id")
@pass_console
def verify(console: Console, *, game_id: str) -> None:
    """Recompute every play of a game that is over, from its entries alone.

    That the seed is the one of the commitment, that the public value came before the first play,
    that no play is missing, and that each drew and won what seed, value and number give.
    """
    from filrouge.failures import Exit, Failure
    from filrouge.game_check import check_game
    from filrouge.wiring import opened_ledger
    from store.query import Query, QueryItem

    with opened_ledger(console.settings) as ledger:
        until = ledger.log.head().position
        query = Query((QueryItem(tags=(f"game:{game_id}",)),))
        entries = ledger.log.read(query, until=until)
        found = check_game(
            (one.envelope.position, one.envelope.type, msgspec.json.decode(one.entry)["data"])
            for one in entries
        )
    if found.faults:
        raise Failure(
            f"The game {game_id} was not played as it was published: {found.faults[0]}"
            + (f" (and {len(found.faults) - 1:,} more)" if len(found.faults) > 1 else ""),
            "Compare these entries with what was published, and ask who recorded them.",
            code="game-differs", exit_code=Exit.REFUSED,
        )  # fmt: skip
    won = ", ".join(f"{count:,} {name}" for name, count in found.won.items()) or "nothing"
    said = (
        "Each drew and won what seed, public value and number give."
        if found.revealed
        else "Its seed was not revealed yet, so that only order and prizes could be checked."
    )
    console.result(found._asdict(), f"{found.plays:,} plays of {game_id}, and {won} won. {said}")
