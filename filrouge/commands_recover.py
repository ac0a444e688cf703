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
    raises the epoch by itself.
    """  # fmt: skip
    from filrouge.wiring import opened_database

    settings = console.settings
    with opened_database(settings) as database:
        names = database.names() if every else [settings.ledger]
        heads = {name: database.recover(name) for name in names}
    console.result(
        [
            {"ledger": name, "position": head.position, "epoch": head.epoch}
            for name, head in heads.items()
        ],
        "\n".join(
            f"The ledger {name} is whole up to position {head.position:,}, epoch {head.epoch}."
            for name, head in heads.items()
        )
        or "There are no ledgers: filrouge init",
    )
