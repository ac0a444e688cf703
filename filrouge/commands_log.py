"""``filrouge log``: checkpoints, receipts and public keys; and ``filrouge kit`` for an auditor."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from filrouge.console import Console, pass_console
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.ledger import Ledger

KIT: Final = Path(__file__).parent / "kit"


@click.group("log")
def log() -> None:
    """Prove what the log holds: checkpoints, receipts, public keys."""


@log.command("checkpoint")
@click.option("--size", type=click.IntRange(1), help="The one of this size. Default: the newest.")
@pass_console
def checkpoint(console: Console, *, size: int | None) -> None:
    """Seal what there is, and show the signed checkpoint.

    Keep it somewhere else: a log that is cut short or replaced later does not fit it.
    """
    from filrouge.wiring import log_keys, opened_ledger

    with opened_ledger(console.settings) as ledger:
        if size is None:
            ledger.tree.grow(log_keys(console.settings))
        note = ledger.tree.checkpoint(size)
    console.result({"ledger": ledger.name, "checkpoint": note}, note.rstrip("\n"))


@log.command("receipt")
@click.argument("position", type=click.IntRange(1))
@pass_console
def receipt(console: Console, *, position: int) -> None:
    """Show what proves that the entry at POSITION is in the log (C2SP tlog-proof)."""
    from filrouge.wiring import log_keys, opened_ledger

    with opened_ledger(console.settings) as ledger:
        ledger.tree.grow(log_keys(console.settings))
        found = ledger.tree.receipt(position)
    text = found.text
    console.result({"ledger": ledger.name, "position": position, "proof": text}, text.rstrip("\n"))


@log.command("keys")
@pass_console
def keys(console: Console) -> None:
    """Show the public keys that sign, and those that signed: for whoever checks the log."""
    from filrouge.wiring import log_keys, opened_ledger
    from store.log_keys import origin_of

    with opened_ledger(console.settings) as ledger:
        origin = origin_of(ledger.info.ledger_id, ledger.log.head().epoch)
        signing = [str(one) for one in log_keys(console.settings).verifiers(origin)]
        signed = [str(one) for one in ledger.tree.verifiers()]
    former = [key for key in signed if key not in signing]
    console.result(
        {"ledger": ledger.name, "signing": signing, "former": former},
        "\n".join([*signing, *(f"{key}  (former)" for key in former)]),
    )


@log.command("rotate-key")
@click.option("--finish", is_flag=True, help="Let the oldest key go: from now on it does not sign.")
@pass_console
def rotate_key(console: Console, *, finish: bool) -> None:
    """Add a new signing key beside the old one; later, with --finish, let the old one go.

    In between every checkpoint has both signatures, so that whoever trusts either can check it.
    Servers read the keys when they start.
    """
    from filrouge.wiring import log_keys

    settings = console.settings
    if settings.log_key is not None:
        raise Failure(
            "The key that signs comes from FILROUGE_LOG_KEY, which holds one",
            "Unset it and use a key file (FILROUGE_LOG_KEY_FILE), then run this again.",
            code="log-keys", exit_code=Exit.USAGE,
        )  # fmt: skip
    held = log_keys(settings)
    changed = held.without_oldest() if finish else held.rotated()
    changed.save(settings.log_key_path)
    said = "The oldest key signs no more." if finish else "A new key signs beside the old one."
    console.result(
        {"file": str(settings.log_key_path), "finished": finish},
        f"{said} Restart the servers, then: filrouge log keys",
    )


@click.command("kit")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@pass_console
def kit(console: Console, *, folder: Path) -> None:
    """Write an auditor's kit into FOLDER: entries, checkpoint, public key, checker, instructions.

    The checker is a page of plain Python that a stranger can read whole. Personal values in the
    entries are sealed, as they are in the log.
    """
    from filrouge.wiring import log_keys, opened_ledger

    if folder.exists() and any(folder.iterdir()):
        raise Failure(
            f"{folder} is not empty", "Name a new folder.",
            code="file-exists", exit_code=Exit.USAGE,
        )  # fmt: skip
    with opened_ledger(console.settings) as ledger:
        size = ledger.tree.grow(log_keys(console.settings))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with console.progress("Writing", size) as update:
            _write_kit(ledger, size, folder, lambda position: update(position, ""))
    console.result(
        {"ledger": ledger.name, "folder": str(folder), "entries": size},
        f"{size:,} entries of {ledger.name}, their checkpoint and the checker are in {folder}. "
        f"To check it: python3 {folder / 'check.py'}",
    )


def _write_kit(ledger: Ledger, size: int, folder: Path, progress: Callable[[int], None]) -> None:
    from filrouge.entry_files import entry_writer, write_entries

    with entry_writer(folder / "entries.ndjson") as out:
        write_entries(ledger.log, size, out, progress)
    (folder / "checkpoint").write_text(ledger.tree.checkpoint(size))
    (folder / "key").write_text(f"{ledger.tree.verifiers()[-1]}\n")
    for name in ("check.py", "README.md"):
        shutil.copyfile(KIT / name, folder / name)
