"""``filrouge rejects``: the rows that an import did not take, as they were, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from filrouge.console import Console, TextFile, pass_console
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from store.vault import Vault


@click.command("rejects")
@click.argument("file", type=TextFile())
@pass_console
def rejects(console: Console, *, file: Path) -> None:
    """Show what is in a rejects FILE: each row, and why it did not fit, as NDJSON.

    The rows are sealed in the file, since they may hold personal data. Since somebody was erased
    they cannot be opened; the lines and reasons are still there, and the rows in their own file.
    """
    import msgspec

    from filrouge.wiring import opened_ledger

    with opened_ledger(console.settings) as ledger:
        found = list(_opened(file, ledger.vault))
    if console.json:
        console.result(found, "")
        return
    for one in found:
        click.echo(msgspec.json.encode(one))


def _opened(path: Path, vault: Vault) -> Iterator[dict[str, Any]]:
    import msgspec

    from filrouge.importing.rejects import opened

    with path.open("rb") as lines:
        for line in lines:
            try:
                yield opened(line, vault.open)
            except (msgspec.MsgspecError, KeyError):
                raise Failure(
                    f"{path} is no rejects file", "Those end with .rejects.ndjson.",
                    code="file", exit_code=Exit.USAGE,
                ) from None  # fmt: skip
