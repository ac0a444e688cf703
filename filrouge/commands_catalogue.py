"""``filrouge catalogue``: what members can have: list items, and apply a file of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from filrouge.console import Console, TextFile, pass_console, table

if TYPE_CHECKING:
    from domain.decision import Command
    from domain.item_terms import ItemTerms
    from store.ledger import Ledger


@click.group("catalogue")
def catalogue() -> None:
    """Show the reward catalogue, and put items into it."""


@catalogue.command("list")
@pass_console
def list_(console: Console) -> None:
    """Show every item, its price, and how many are left of it now.

    As the projections have it: a running server, or ``filrouge rebuild``, keeps them up to date.
    """
    from filrouge.wiring import opened_ledger
    from projections.reader import reading
    from projections.reward_catalogue import items
    from projections.reward_items import REWARD_ITEMS

    with (
        opened_ledger(console.settings) as ledger,
        reading(ledger.pool, REWARD_ITEMS) as reader,
    ):
        found: list[Any] = []
        while page := items(reader, datetime.now(UTC), after=_last(found), limit=1_000):
            found += page
    shown = [msgspec.to_builtins(one) for one in found]
    console.result(shown, lambda: _listed(found) if found else "Nothing was listed yet.")


def _last(found: list[Any]) -> str:
    return found[-1].item_id if found else ""


def _listed(found: list[Any]) -> str:
    rows = [("item", "kind", "points", "pieces left", "codes left", "granted", "used", "")]
    rows += [
        (
            one.item_id, one.terms.kind, str(one.terms.points or "-"), _left(one.stock),
            _left(one.codes), str(one.granted), str(one.used), _said(one),
        )
        for one in found
    ]  # fmt: skip
    return table(rows, right=frozenset({2, 3, 4, 5, 6}))


def _left(stock: Any) -> str:
    return "-" if stock is None else str(stock.left)


def _said(one: Any) -> str:
    if one.delisted_at is not None:
        return "delisted"
    return "" if one.offered else "not offered now"


@catalogue.command("apply")
@click.argument("file", type=TextFile(), metavar="CATALOGUE.toml")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--delist", is_flag=True, help="Delist the items that the file does not name.")
@click.option("--reason", metavar="TEXT", help="Why; it is part of the history.")
@pass_console
def apply(console: Console, *, file: Path, dry_run: bool, delist: bool, reason: str | None) -> None:
    """List the items of a file that are new, and amend those that it says otherwise.

    What the file says as the ledger says it already stays as it is, so it can be applied again.
    Pieces and codes are supplied on their own: by POST, and with ``filrouge codes``.
    """
    from filrouge.catalogue_files import read_catalogue
    from filrouge.wiring import opened_ledger

    said = read_catalogue(file)
    with opened_ledger(console.settings) as ledger:
        changes = _changes(said, _listed_items(ledger), delist=delist, reason=reason)
        position = None if dry_run else _decided(ledger, [command for _, _, command in changes])
    done = [{"item_id": item_id, "change": change} for item_id, change, _ in changes]
    verb = "Would be" if dry_run else "Was"
    lines = [f"{verb} {one['change']}: {one['item_id']}" for one in done]
    console.result(
        {"dry_run": dry_run, "changes": done, "position": position},
        "\n".join(lines) or "The ledger has these items already.",
    )


def _listed_items(ledger: Ledger) -> dict[str, ItemTerms | None]:
    """The items of the catalogue with their terms; None: it was delisted."""
    from domain.catalogue import ItemAmended, ItemDelisted, ItemListed
    from domain.event import stored_names
    from store.query import Query, QueryItem

    until = ledger.log.head().position
    voids = ledger.log.voids(until)
    names = tuple(
        name for one in (ItemListed, ItemAmended, ItemDelisted) for name in stored_names(one)
    )
    found: dict[str, ItemTerms | None] = {}
    for recorded in ledger.log.read(Query((QueryItem(names),)), until=until):
        if not voids.hides(recorded.envelope):
            event: Any = recorded.event
            found[event.item_id] = None if isinstance(event, ItemDelisted) else event.terms
    return found


def _changes(
    said: dict[str, ItemTerms],
    listed: dict[str, ItemTerms | None],
    *,
    delist: bool,
    reason: str | None,
) -> list[tuple[str, str, Command]]:
    from domain.catalogue import AmendItem, DelistItem, ListItem

    found: list[tuple[str, str, Command]] = []
    for item_id, terms in said.items():
        if item_id not in listed:
            command: Command = ListItem(item_id=item_id, terms=terms, reason=reason)
            found.append((item_id, "listed", command))
        elif listed[item_id] != terms:
            command = AmendItem(item_id=item_id, terms=terms, reason=reason)
            found.append((item_id, "amended", command))
    for item_id, before in listed.items():
        if delist and item_id not in said and before is not None:
            found.append((item_id, "delisted", DelistItem(item_id=item_id, reason=reason)))
    return found


def _decided(ledger: Ledger, commands: list[Command]) -> int | None:
    from filrouge.wiring import ACTOR, new_id

    verdicts = [
        ledger.decide(command, command_id=new_id("item"), actor=ACTOR) for command in commands
    ]
    positions = [verdict.result().position for verdict in verdicts]
    return positions[-1] if positions else None
