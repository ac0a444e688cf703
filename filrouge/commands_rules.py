"""``filrouge rules``: what earns points: publish, amend and retire rules, and show them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filrouge.console import Console, TextFile, pass_console, table

if TYPE_CHECKING:
    from domain.decision import Command
    from domain.rule_terms import RuleTerms
    from domain.rules import Rules
    from store.ledger import Ledger


@click.group("rules")
def rules() -> None:
    """Show, publish, amend and retire the rules by which points are earned."""


@rules.command("list")
@pass_console
def list_(console: Console) -> None:
    """Show every rule, its version and since when it is in force."""
    from filrouge.wiring import opened_ledger
    from store.explaining import rules_of

    with opened_ledger(console.settings) as ledger:
        found = rules_of(ledger.log)
    shown = [
        {
            "rule_id": rule_id,
            "version": rule.latest.version,
            "kind": rule.latest.terms.kind,
            "trigger": rule.latest.terms.trigger,
            "programme": rule.latest.terms.programme,
            "valid_from": rule.latest.begins,
            "valid_until": rule.latest.terms.valid_until,
            "retired_at": rule.retired_at,
        }
        for rule_id, rule in sorted(found.rules.items())
    ]
    console.result(shown, lambda: _listed(shown) if shown else "No rule was published yet.")


def _listed(shown: list[dict[str, Any]]) -> str:
    names = ("rule_id", "version", "kind", "trigger", "valid_from", "retired_at")
    rows = [
        tuple(str(one[name] if one[name] is not None else "-") for name in names) for one in shown
    ]
    return table([tuple(name.replace("_", " ") for name in names), *rows])


@rules.command("apply")
@click.argument("file", type=TextFile(), metavar="RULES.toml")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--retire", is_flag=True, help="Retire the rules that the file does not name.")
@click.option("--reason", metavar="TEXT", help="Why; it is part of the history.")
@pass_console
def apply(console: Console, *, file: Path, dry_run: bool, retire: bool, reason: str | None) -> None:
    """Publish the rules of a file that are new, and amend those that it says otherwise.

    What the file says as the ledger says it already stays as it is, so it can be applied again.
    """
    from filrouge.rule_files import read_rules
    from filrouge.wiring import opened_ledger
    from store.explaining import rules_of

    said = read_rules(file)
    with opened_ledger(console.settings) as ledger:
        changes = list(changes_of(said, rules_of(ledger.log), retire=retire, reason=reason))
        position = None if dry_run else decided(ledger, [command for _, _, command in changes])
    done = [{"rule_id": rule_id, "change": change} for rule_id, change, _ in changes]
    verb = "Would be" if dry_run else "Was"
    lines = [f"{verb} {one['change']}: {one['rule_id']}" for one in done]
    console.result(
        {"dry_run": dry_run, "changes": done, "position": position},
        "\n".join(lines) or "The ledger has these rules already.",
    )


def changes_of(
    said: dict[str, RuleTerms], rules: Rules, *, retire: bool, reason: str | None
) -> list[tuple[str, str, Command]]:
    """What has to be decided for the ledger to have these rules: each by name, with a word."""
    from domain.publishing import AmendRule, PublishRule, RetireRule

    found: list[tuple[str, str, Command]] = []
    for rule_id, terms in said.items():
        rule = rules.rules.get(rule_id)
        if rule is None:
            command: Command = PublishRule(rule_id=rule_id, terms=terms, reason=reason)
            found.append((rule_id, "published", command))
        elif rule.latest.terms != terms:
            command = AmendRule(rule_id=rule_id, terms=terms, reason=reason)
            found.append((rule_id, "amended", command))
    for rule_id, rule in rules.rules.items():
        if retire and rule_id not in said and rule.retired_at is None:
            found.append((rule_id, "retired", RetireRule(rule_id=rule_id, reason=reason)))
    return found


def decided(ledger: Ledger, commands: list[Command]) -> int | None:
    """Decide commands one after another; the position of what the last one brought about."""
    from filrouge.wiring import ACTOR, new_id

    verdicts = [
        ledger.decide(command, command_id=new_id("rule"), actor=ACTOR) for command in commands
    ]
    positions = [verdict.result().position for verdict in verdicts]
    return positions[-1] if positions else None
