"""``filrouge rules``: what earns points: publish, amend and retire rules, and show them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

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
        changes = list(_changes(said, rules_of(ledger.log), retire=retire, reason=reason))
        position = None if dry_run else _decided(ledger, [command for _, _, command in changes])
    done = [{"rule_id": rule_id, "change": change} for rule_id, change, _ in changes]
    verb = "Would be" if dry_run else "Was"
    lines = [f"{verb} {one['change']}: {one['rule_id']}" for one in done]
    console.result(
        {"dry_run": dry_run, "changes": done, "position": position},
        "\n".join(lines) or "The ledger has these rules already.",
    )


def _changes(
    said: dict[str, RuleTerms], rules: Rules, *, retire: bool, reason: str | None
) -> list[tuple[str, str, Command]]:
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


def _decided(ledger: Ledger, commands: list[Command]) -> int | None:
    from filrouge.wiring import ACTOR, new_id

    verdicts = [
        ledger.decide(command, command_id=new_id("rule"), actor=ACTOR) for command in commands
    ]
    positions = [verdict.result().position for verdict in verdicts]
    return positions[-1] if positions else None


@rules.command("explain")
@click.argument("position", type=click.IntRange(min=1))
@pass_console
def explain(console: Console, *, position: int) -> None:
    """Show why the event at a position earned what it did, or nothing.

    Of each rule that looks at such events: what it gave, or which condition, limit or validity
    stopped it. The version of a rule is the one that was in force when the event happened.
    """
    from filrouge.failures import Exit, Failure
    from filrouge.wiring import opened_ledger
    from store.explaining import explained

    with opened_ledger(console.settings) as ledger:
        found = explained(ledger.log, position)
    if found is None:
        raise Failure(
            f"There is no event at position {position:,}", "filrouge status shows the last one.",
            code="no-such-event", exit_code=Exit.UNKNOWN,
        )  # fmt: skip

    def text() -> str:
        head = (
            f"{found.type} at position {found.position:,} happened {found.time.isoformat()}, "
            f"recorded {found.recorded_at.isoformat()}."
        )
        rows = [("rule", "version", "member", "points", "why", "")]
        rows += [
            (
                one.rule_id, str(one.rule_version), one.member_id or "-", str(one.points or "-"),
                one.reason.replace("_", " "), one.detail,
            )
            for one in found.findings
        ]  # fmt: skip
        shown = table(rows, right=frozenset({1, 3})) if found.findings else NOBODY_LOOKS
        voided = (
            "\nIt was taken back since, and what it had earned with it." if found.voided else ""
        )
        return f"{head}\n{shown}{voided}"

    console.result(msgspec.to_builtins(found), text)


NOBODY_LOOKS: Final = "No rule looks at events of this type."
