"""``filrouge vault``: the epoch keys, and their rotation, which makes erasures final."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from filrouge.console import Console, pass_console, table
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filrouge.settings import Settings
    from store.database import Database
    from store.ledger import Ledger


@click.group("vault")
def vault() -> None:
    """Look after what wraps the keys of people: the epoch keys."""


@vault.command("status")
@pass_console
def status(console: Console) -> None:
    """Show the epoch keys of a ledger's vault, what they wrap, and which erasures wait for them."""
    from filrouge.wiring import opened_ledger
    from store.vault_rotation import Rotation

    with opened_ledger(console.settings) as ledger:
        held = ledger.vault.tables.epoch_keys.names
        states = Rotation(ledger.vault.tables).states()
    rows = [("epoch key", "first used", "state", "held", "wraps", "erasures waiting")]
    rows += [
        (
            one.id, f"{one.first_used_at:%Y-%m-%d}", _state(one.retired_at, one.destroyed_at),
            "yes" if one.id in held else "no", f"{one.wraps:,}", f"{one.erasures:,}",
        )
        for one in states
    ]  # fmt: skip
    console.result(
        [one._asdict() | {"held": one.id in held} for one in states],
        table(rows, right=frozenset({4, 5})) if states else "The vault has no keys yet.",
    )


def _state(retired_at: object, destroyed_at: object) -> str:
    return "destroyed" if destroyed_at else "retired" if retired_at else "in use"


@vault.command("rotate")
@click.option("--finish", is_flag=True, help="Destroy the retired keys: what they wrapped is gone.")
@pass_console
def rotate(console: Console, *, finish: bool) -> None:
    """Wrap every key anew, under a new epoch key; later, with --finish, destroy the old ones.

    In all ledgers of the installation, since they share the key file. Running servers notice. From
    --finish on no backup of the vault opens what was erased before; destroy your own copies of the
    old key file too. Whatever is interrupted can be run again.
    """
    from filrouge.wiring import opened_database

    settings = console.settings
    if settings.epoch_key is not None:
        raise Failure(
            "The epoch key comes from FILROUGE_EPOCH_KEY, which holds one",
            "Unset it and use a key file (FILROUGE_KEY_FILE), then run this again.",
            code="epoch-keys", exit_code=Exit.USAGE,
        )  # fmt: skip
    with opened_database(settings) as database:
        said = _finish(settings, database) if finish else _rotate(settings, database)
    text = (
        f"Destroyed {len(said['destroyed'])} epoch keys; {said['final']:,} erasures are final now."  # type: ignore[arg-type]
        if finish
        else f"{said['current']} wraps everything from here on; {said['wrapped']:,} keys were"
        " wrapped anew. When no backup under the old key is needed: filrouge vault rotate --finish"
    )
    console.result(said, text)


def _rotate(settings: Settings, database: Database) -> dict[str, object]:
    from store.vault_rotation import Rotation

    # The file first: a key that wraps anything and is in no file would be lost with a crash.
    new = database.keys.with_new()
    new.save(settings.key_path)
    database.keys.read_again()
    wrapped = 0
    for ledger in _ledgers(database):
        rotation = Rotation(ledger.vault.tables)
        rotation.retire_others()
        wrapped += rotation.wrap_anew()
    return {"current": new.current, "wrapped": wrapped}


def _finish(settings: Settings, database: Database) -> dict[str, object]:
    from filrouge.wiring import log_keys
    from store.vault_rotation import Rotation

    destroyed: dict[str, None] = {}
    for ledger in _ledgers(database):
        ledger.erasures.follow()
        rotation = Rotation(ledger.vault.tables)
        rotation.wrap_anew()  # what an interrupted rotation had left
        destroyed |= dict.fromkeys(rotation.destroyable())
    database.keys.without(destroyed).save(settings.key_path)
    database.keys.read_again()
    final = 0
    for ledger in _ledgers(database):
        final += ledger.record_destroyed(list(destroyed))
        keys = log_keys(settings)
        ledger.tree.grow(keys)
        ledger.certificates.issue(keys)
    return {"destroyed": list(destroyed), "final": final}


def _ledgers(database: Database) -> Iterator[Ledger]:
    from filrouge.wiring import closing_ledger

    for name in database.names():
        with closing_ledger(database.open(name)) as ledger:
            yield ledger
