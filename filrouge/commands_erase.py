"""``filrouge erase`` and ``certificate``: forget people for ever, and show that it was done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from filrouge.console import Console, TextFile, pass_console
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from domain.decision import Command
    from store.ledger import Ledger
    from store.reply import Reply

ERASED_AT_ONCE: Final = 500
REFUSALS_SHOWN: Final = 10
FINAL_WITHIN_DAYS: Final = 30


@click.command("erase")
@click.argument("subjects", nargs=-1, metavar="[ID]...")
@click.option("--from", "listed", metavar="FILE", type=TextFile(), help="Ids, one on each line.")
@click.option(
    "--lookup",
    "kind",
    metavar="KIND",
    help="Erase whom an identity recognises: email, phone, ...; the value is read from stdin.",
)
@click.option("--reason", metavar="WORD", help="Why, in a word; it is part of the history.")
@click.option(
    "--final-within-days",
    type=click.IntRange(0, 3650),
    default=FINAL_WITHIN_DAYS,
    show_default=True,
    help="When the epoch key is destroyed at the latest, by your rules: filrouge vault rotate.",
)
@pass_console
def erase(
    console: Console,
    *,
    subjects: tuple[str, ...],
    listed: Path | None,
    kind: str | None,
    reason: str | None,
    final_within_days: int,
) -> None:
    """Destroy what opens somebody's personal data and what recognises them, for ever.

    ID is a member's, or `prospect:ID` or `visitor:ID`. The history stays, and so do balances and
    totals. Whoever is erased already is passed over, so the same command can be run again. A
    value for --lookup is read from stdin, so that it is in no list of processes.
    """
    from filrouge.wiring import log_keys, opened_ledger

    with opened_ledger(console.settings) as ledger:
        wanted = list(dict.fromkeys([*subjects, *_listed(listed), *_looked_up(ledger, kind)]))
        if not wanted:
            raise click.UsageError("Name at least one ID, or --from FILE, or --lookup KIND.")
        commands = [_command(one, reason, final_within_days) for one in wanted]
        with console.progress("Erasing", len(wanted)) as update:
            erased, before, refused = _decided(ledger, wanted, commands, update)
        ledger.erasures.follow()
        keys = log_keys(console.settings)
        ledger.tree.grow(keys)
        ledger.certificates.issue(keys)
    said = {
        "ledger": console.settings.ledger,
        "erased": [{"subject": name, "position": position} for name, position in erased.items()],
        "erased_before": before,
        "refused": [{"subject": name, "problem": why} for name, why in refused.items()],
    }
    lines = [f"Erased {len(erased):,}; {len(before):,} had been erased before."]
    if len(erased) == 1:
        [position] = erased.values()
        lines.append(f"The certificate: filrouge certificate {position}")
    shown = list(refused.items())[:REFUSALS_SHOWN]
    lines += [f"  {name}: {why}" for name, why in shown]
    if len(refused) > len(shown):
        lines.append(f"  and {len(refused) - len(shown):,} more")
    console.result(said, "\n".join(lines))
    if refused:
        raise click.exceptions.Exit(Exit.REFUSED)


def _listed(path: Path | None) -> list[str]:
    if path is None:
        return []
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def _looked_up(ledger: Ledger, kind: str | None) -> list[str]:
    """Whom an identity recognises; nobody else may be meant by it."""
    if kind is None:
        return []
    from domain.decision import replay
    from domain.identities import IdentityHolders
    from store.query import Query, QueryItem

    value = sys.stdin.readline().strip()
    found: list[str] = []
    identity = ledger.vault.find("identity", kind, value) if value else None
    if identity is not None:
        tag = f"identity:{identity}"
        events = ledger.log.read(Query((QueryItem(tags=(tag,)),)))
        found += replay(IdentityHolders(tag), events).holders
    prospect = ledger.vault.find("prospect", value) if value else None
    if prospect is not None:
        found.append(f"prospect:{prospect}")
    members = [one for one in found if ":" not in one]
    if not found:
        raise Failure(
            "Nobody is recognised by that", "Check the kind and the value.",
            code="nobody-recognised", exit_code=Exit.UNKNOWN,
        )  # fmt: skip
    if len(members) > 1:
        raise Failure(
            f"{len(members)} members share that: {', '.join(members)}",
            "Name the one who is to be erased by the id.", code="identity-shared",
        )  # fmt: skip
    return found


def _command(subject: str, reason: str | None, final_within_days: int) -> Command:
    import msgspec

    from domain.erasures import EraseMember, EraseProspect, EraseVisitor

    kind, found, name = subject.partition(":")
    if not found:
        kind, name = "member", subject
    kinds: dict[str, type[Command]] = {
        "member": EraseMember, "prospect": EraseProspect, "visitor": EraseVisitor,
    }  # fmt: skip
    said = {f"{kind}_id": name, "reason": reason, "final_within_days": final_within_days}
    try:
        return msgspec.convert(said, kinds[kind])
    except (KeyError, msgspec.ValidationError):
        raise click.BadParameter(
            "an id is a member's, or `prospect:ID` or `visitor:ID`", param_hint="ID"
        ) from None


def _decided(
    ledger: Ledger,
    names: Sequence[str],
    commands: Sequence[Command],
    update: Callable[[int, str], None],
) -> tuple[dict[str, int], list[str], dict[str, str]]:
    """Order all; returns where each stands, who was erased before, and who could not be."""
    from domain.erasures import AlreadyErased
    from domain.errors import FilrougeError
    from filrouge.wiring import ACTOR, new_id

    def ordered(start: int) -> Iterator[tuple[str, Reply[Any]]]:
        end = start + ERASED_AT_ONCE
        for name, command in zip(names[start:end], commands[start:end], strict=True):
            yield name, ledger.decide(command, command_id=new_id("erase"), actor=ACTOR)

    erased: dict[str, int] = {}
    before: list[str] = []
    refused: dict[str, str] = {}
    for start in range(0, len(names), ERASED_AT_ONCE):
        for name, reply in list(ordered(start)):
            try:
                erased[name] = reply.result().position
            except AlreadyErased:
                before.append(name)
            except FilrougeError as error:
                refused[name] = error.code
        update(start, "")
    return erased, before, refused


@click.command("certificate")
@click.argument("position", type=click.IntRange(1), required=False)
@click.option("--final", is_flag=True, help="The second one: that no backup brings the keys back.")
@click.option(
    "--check", "given", metavar="FILE", type=TextFile(), help="Check one, without a database."
)
@click.option(
    "--key",
    "keys",
    metavar="PUBLIC",
    multiple=True,
    help="A public key that you trust, as `filrouge log keys` shows it; or a file that holds it.",
)
@pass_console
def certificate(
    console: Console,
    *,
    position: int | None,
    final: bool,
    given: Path | None,
    keys: tuple[str, ...],
) -> None:
    """Show the signed certificate of the erasure at POSITION, with the event and its proof.

    It is JSON; give it to whoever was erased. With --check and --key anybody can see that it holds.
    """
    if (position is None) == (given is None):
        raise click.UsageError("Name the POSITION of an erasure, or a certificate to --check.")
    if given is not None:
        _check(console, given, keys)
        return
    from filrouge.wiring import log_keys, opened_ledger

    with opened_ledger(console.settings) as ledger:
        ledger.erasures.follow()
        signing = log_keys(console.settings)
        ledger.tree.grow(signing)
        ledger.certificates.issue(signing)
        found = ledger.certificates.read(position or 0, final=final)
    import msgspec

    console.result(
        msgspec.to_builtins(found),
        lambda: msgspec.json.format(msgspec.json.encode(found)).decode(),
    )


def _check(console: Console, path: Path, keys: tuple[str, ...]) -> None:
    import msgspec

    from filrouge.commands_verify import trusted_keys
    from store.certificates import Certificate, CertificateInvalid, check

    trusted = trusted_keys(keys)
    if not trusted:
        raise click.UsageError("Nobody is trusted without a --key.")
    try:
        given = msgspec.json.decode(path.read_bytes(), type=Certificate)
    except msgspec.MsgspecError as error:
        raise CertificateInvalid(f"{path} is no certificate: {error}") from None
    lines = check(given, trusted)
    console.result({"holds": True, "statement": lines}, "\n".join(["It holds:", *lines]))
