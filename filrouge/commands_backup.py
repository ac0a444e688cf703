"""``filrouge export`` and ``restore``: a ledger as a file, and a file as a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from filrouge.console import Console, TextFile, pass_console
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from store.database import Database
    from store.keys import EpochKeys
    from store.ledger import Ledger

STDOUT = Path("-")


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="-")
@click.option(
    "--keys",
    "keys_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the key bundle too, to a file of its own that only you can read.",
)
@click.option(
    "--with-epoch-keys",
    is_flag=True,
    help="Put the keys of the key file into the bundle: then it opens everything by itself.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@pass_console
def export(
    console: Console, *, file: Path, keys_file: Path | None, with_epoch_keys: bool, force: bool
) -> None:
    """Write all entries to FILE (or stdout) as NDJSON: line n is position n, to the last byte.

    FILE.gz and FILE.xz are compressed. Personal values are in it as they are in the log: sealed.
    What opens them is the key bundle; keep the two apart. FILE.checkpoint is the signed checkpoint
    of these entries, for: filrouge verify --export FILE.
    """  # fmt: skip
    from filrouge.entry_files import entry_writer, write_entries
    from filrouge.wiring import opened_ledger

    if with_epoch_keys and keys_file is None:
        raise click.UsageError("--with-epoch-keys says what goes into the bundle: name it, --keys.")
    target = None if file == STDOUT else file
    for path in (target, keys_file):
        if path is not None and path.exists() and not force:
            raise Failure(
                f"{path} is there already", "Name another file, or say --force.",
                code="file-exists", exit_code=Exit.USAGE,
            )  # fmt: skip
    with opened_ledger(console.settings) as ledger:
        sealed = _sealed(console, ledger)
        head = ledger.log.head().position
        with (
            console.progress("Exporting", head) as update,
            entry_writer(target) as out,
        ):
            write_entries(ledger.log, head, out, lambda position: update(position, ""))
        if target is not None and sealed:
            target.with_name(f"{target.name}.checkpoint").write_text(ledger.tree.checkpoint(sealed))
        rows = None
        if keys_file is not None:
            keys_file.unlink(missing_ok=True)
            rows = ledger.vault.export_keys(keys_file, with_epoch_keys=with_epoch_keys)
    said = {
        "ledger": ledger.name, "position": head, "sealed": sealed, "file": str(file),
        "keys": keys_file and str(keys_file), "key_rows": rows,
    }  # fmt: skip
    text = f"Exported {head:,} entries of {ledger.name} to {file}."
    if keys_file is not None:
        text += f" {rows:,} keys and digests are in {keys_file}: keep it apart."
    if target is None:
        console.note(text)  # stdout is the export itself
    else:
        console.result(said, text)


def _sealed(console: Console, ledger: Ledger) -> int:
    """Sign what there is; a log whose tree is broken can still be exported, unsigned."""
    from filrouge.wiring import log_keys
    from store.tree import TreeBroken

    try:
        return ledger.tree.grow(log_keys(console.settings))
    except TreeBroken as error:
        console.note(f"Without a checkpoint: {error}")
        return 0


@click.command("restore")
@click.argument("file", type=TextFile(), required=False)
@click.option(
    "--keys",
    "keys_file",
    metavar="FILE",
    type=TextFile(),
    help="The key bundle, so that personal values can be opened. Alone: add it later.",
)
@click.option(
    "--erasures",
    "erasures_file",
    metavar="FILE",
    type=TextFile(),
    help="A register of erasures, or a newer export that has them. Default: the ledger's register.",
)
@pass_console
def restore(
    console: Console, *, file: Path | None, keys_file: Path | None, erasures_file: Path | None
) -> None:
    """Make the ledger of --ledger from an export: the same entries, positions and recorded times.

    Only into a new or an empty ledger, and all or nothing. The epoch is raised, so that clients
    that had read further are told. Without the keys every figure is the same, and personal values
    stay sealed; add the bundle before anything new is recorded. Whoever was erased since the export
    was made, as the register of erasures says, is erased again.
    """
    if file is None and keys_file is None:
        raise click.UsageError("Name the FILE of an export, or --keys FILE, or both.")
    from filrouge.erasing_again import erase_again
    from filrouge.wiring import closing_ledger, opened_database

    settings = console.settings
    with opened_database(settings) as database:
        if file is None:
            ledger = database.open(settings.ledger)
        else:
            ledger = _restored(console, database, settings.ledger, file)
        with closing_ledger(ledger):
            rows = (
                None if keys_file is None else _take_keys(console, database.keys, ledger, keys_file)
            )
            again = erase_again(database, ledger, erasures_file)
            head = ledger.log.head()
    text = f"The ledger {ledger.name} stands at position {head.position:,}, epoch {head.epoch}."
    if rows is not None:
        text += f" {rows:,} keys and digests were taken in."
    elif file is not None:
        text += " Personal values stay sealed until their keys come: filrouge restore --keys FILE."
    if again:
        text += f" {again:,} people who were erased since were erased again."
    console.result(
        {
            "ledger": ledger.name, "position": head.position, "epoch": head.epoch,
            "key_rows": rows, "erased_again": again,
        },
        text,
    )  # fmt: skip


def _restored(console: Console, database: Database, name: str, file: Path) -> Ledger:
    from filrouge.entry_files import entries_of
    from filrouge.importing.records import Source

    with Source(file) as source, console.progress("Restoring", source.size) as update:
        return database.restore(
            name,
            entries_of(source),
            lambda position: update(source.done, f"{position:,} entries"),
        )


def _take_keys(console: Console, held: EpochKeys, ledger: Ledger, path: Path) -> int:
    """Take in a bundle; epoch keys that it brings join those of the key file."""
    imported = ledger.vault.import_keys(path)
    if set(imported.epoch_keys.names) - set(held.names):
        settings = console.settings
        if settings.epoch_key is not None:
            raise Failure(
                "The bundle brings epoch keys, and FILROUGE_EPOCH_KEY has room for one",
                "Unset it and use a key file (FILROUGE_KEY_FILE), then run this again.",
                code="epoch-keys", exit_code=Exit.USAGE,
            )  # fmt: skip
        imported.epoch_keys.save(settings.key_path)
    return imported.rows
