"""``filrouge recover``: what an operator says once a database came back from a backup."""

from __future__ import annotations

import click

from filrouge.console import Console, pass_console


@click.command("recover")
@click.option("--all", "every", is_flag=True, help="Every ledger of the database.")
@pass_console
def recover(console: Console, *, every: bool) -> None:
    """Tell clients that the database was brought back from an older backup: raise the epoch.

    Run it after the files of PostgreSQL were restored and before anything is served again. It
    checks that the log is whole. A client that had read further is then told so, sends what is
    missing again, and nothing doubles. `filrouge restore`, which makes a ledger from an export,
    raises the epoch by itself. Whoever was erased since the backup, as the register of erasures
    says, is erased again.
    """  # fmt: skip
    from filrouge.erasing_again import erase_again
    from filrouge.wiring import closing_ledger, opened_database

    settings = console.settings
    with opened_database(settings) as database:
        names = database.names() if every else [settings.ledger]
        heads = {name: database.recover(name) for name in names}
        again = {}
        for name in names:
            with closing_ledger(database.open(name)) as ledger:
                again[name] = erase_again(database, ledger)
    console.result(
        [
            {
                "ledger": name,
                "position": head.position,
                "epoch": head.epoch,
                "erased_again": again[name],
            }
            for name, head in heads.items()
        ],
        "\n".join(
            f"The ledger {name} is whole up to position {head.position:,}, epoch {head.epoch}."
            + (f" {again[name]:,} people were erased again." if again[name] else "")
            for name, head in heads.items()
        )
        or "There are no ledgers: filrouge init",
    )
