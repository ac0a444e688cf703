"""``filrouge keys``: the API keys, which say who may do what in which ledger."""

from __future__ import annotations

import click

from filrouge.console import Console, pass_console, table

SCOPES = ("observe", "command", "read", "personal", "audit", "admin")


@click.group("keys")
def keys() -> None:
    """Make, list and revoke the API keys of this installation."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="A right that the key carries; may be given several times.",
)
@click.option(
    "--for",
    "ledgers",
    metavar="LEDGER",
    multiple=True,
    help="A ledger that the key opens; several times, or '*' for all. Default: that of --ledger.",
)
@pass_console
def create(
    console: Console, *, name: str, scopes: tuple[str, ...], ledgers: tuple[str, ...]
) -> None:
    r"""Make a key and show its secret, this once: it is kept nowhere.

    NAME says what the key is for ("till of the Lyon shop"), not who uses it.

    \b
    observe   record what happened            personal  have sealed values opened
    command   ask the ledger for decisions    audit     replay, verify and explain
    read      read projections and events     admin     bring in decided events, void
    """  # fmt: skip
    from filrouge.wiring import credentials, opened_database

    settings = console.settings
    with opened_database(settings) as database:
        key, secret = credentials(database).create(
            name, ledgers=ledgers or (settings.ledger,), scopes=scopes
        )
    console.result(
        {
            "id": key.id, "name": key.name, "ledgers": key.ledgers,
            "scopes": sorted(key.scopes), "secret": secret,
        },
        f"{secret}\n\nThis is the secret of key {key.id}, shown this once. Send it as:\n"
        f"  Authorization: Bearer {secret}",
    )  # fmt: skip


@keys.command("list")
@pass_console
def list_keys(console: Console) -> None:
    """Show all keys, without their secrets; revoked ones too."""
    from filrouge.wiring import credentials, opened_database

    with opened_database(console.settings) as database:
        found = credentials(database).keys()
    rows = [("id", "ends", "name", "ledgers", "scopes", "since", "state")]
    rows += [
        (
            key.id, f"…{key.last}", key.name, ",".join(key.ledgers), ",".join(sorted(key.scopes)),
            f"{key.created_at:%Y-%m-%d}", "revoked" if key.revoked_at else "in force",
        )
        for key in found
    ]  # fmt: skip
    console.result(
        [
            {
                "id": key.id, "last": key.last, "name": key.name, "ledgers": key.ledgers,
                "scopes": sorted(key.scopes), "created_at": key.created_at,
                "revoked_at": key.revoked_at,
            }
            for key in found
        ],
        table(rows) if found else "There are no keys. Make one: filrouge keys create",
    )  # fmt: skip


@keys.command("revoke")
@click.argument("key_id")
@pass_console
def revoke(console: Console, *, key_id: str) -> None:
    """Take a key's rights away for ever. A running server notices within seconds."""
    from filrouge.wiring import credentials, opened_database

    with opened_database(console.settings) as database:
        key = credentials(database).revoke(key_id)
    console.result({"id": key.id, "revoked_at": key.revoked_at}, f"Revoked {key.id} ({key.name}).")
