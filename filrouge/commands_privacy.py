"""``filrouge copy``, ``consents``, ``hold``, ``restrict``, ``accesses``: what people ask for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from filrouge.console import Console, pass_console, table
from filrouge.failures import Exit, Failure

if TYPE_CHECKING:
    from domain.decision import Command
    from projections.consent_history import MemberUnallowed

AT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"])
ROWS_MAX = 1_000


def instant_of(at: datetime | None) -> datetime:
    """An instant that was named on the command line, in UTC if it has no offset; or now."""
    from datetime import UTC

    if at is None:
        return datetime.now(UTC)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


@click.command("copy")
@click.argument("member_id")
@click.option(
    "--cloudevents", is_flag=True, help="Every event as CloudEvents NDJSON, to take away."
)
@pass_console
def copy(console: Console, *, member_id: str, cloudevents: bool) -> None:
    """Write all that the ledger holds about a member, to give it to them.

    Each event with its instant, what it means and what it says, in words; --json for machines.
    Only what is the member's own is opened: the friends whom they named stay sealed.
    """
    import msgspec

    from filrouge.wiring import ACTOR, opened_ledger
    from projections.own_copy import events_of
    from store.erased_subjects import subjects_of_member

    with opened_ledger(console.settings) as ledger:
        head = ledger.log.head().position
        mine = subjects_of_member(ledger.log, member_id, head).everything
        ledger.accesses.record(ACTOR, "copy", [f"member:{member_id}"]).result()
        voids = ledger.log.voids(head)
        found = [
            (one, ledger.vault.open_all(msgspec.json.decode(one.entry), only=mine))
            for one in events_of(ledger.log, member_id, head)
        ]
    if not found:
        raise Failure(
            f"No event speaks of {member_id}", "Check the id.",
            code="no-such-member", exit_code=Exit.UNKNOWN,
        )  # fmt: skip
    if cloudevents:
        for _, event in found:
            click.echo(msgspec.json.encode(event))
        return
    said = [
        {"position": one.envelope.position, "voided": voids.hides(one.envelope), "event": event}
        for one, event in found
    ]
    lines = [f"What the ledger {console.settings.ledger} holds about {member_id}", ""]
    for one in said:
        lines += _told(one)
    console.result(said, "\n".join(lines))


def _told(said: dict[str, Any]) -> list[str]:
    from domain.event import known

    event = said["event"]
    form = known(event["type"])
    meaning = (form.event_class.__doc__ or "").partition("\n")[0] if form else event["type"]
    lines = [
        f"{event['time']}  {meaning}" + ("  (taken back since)" if said["voided"] else ""),
        f"    recorded {event['recordedat']}, from {event['source']}, position {said['position']}",
    ]
    lines += [f"    {name}: {value}" for name, value in _flat(event["data"])]
    return [*lines, ""]


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, item in value.items():
        if isinstance(item, dict):
            found += _flat(item, f"{prefix}{name}.")
        else:
            shown = "(erased)" if item is None else item
            sealed = isinstance(shown, str) and shown.startswith("sealed|")
            found.append((prefix + name, "(about somebody else)" if sealed else shown))
    return found


@click.command("consents")
@click.argument("member_id", required=False)
@click.option("--at", type=AT, help="The instant that is asked about. Default: now.")
@click.option("--missing", is_flag=True, help="Instead: what was sent without a valid consent.")
@pass_console
def consents(
    console: Console, *, member_id: str | None, at: datetime | None, missing: bool
) -> None:
    """Show what MEMBER_ID allowed at an instant, with the wording; or what was sent without it."""
    if (member_id is None) != missing:
        raise click.UsageError("Name a MEMBER_ID, or say --missing.")
    if member_id is None:
        _missing(console)
    else:
        _allowed(console, member_id, instant_of(at))


def _allowed(console: Console, member_id: str, at: datetime) -> None:
    import msgspec

    from filrouge.wiring import ACTOR, opened_ledger
    from projections.consent_history import CONSENT_HISTORY, consents as consents_of
    from projections.profiles import PROFILES, member
    from projections.reader import reading

    with opened_ledger(console.settings) as ledger:
        ledger.accesses.record(ACTOR, "consents", [f"member:{member_id}"]).result()
        with reading(ledger.pool, CONSENT_HISTORY, PROFILES) as reader:
            found = consents_of(reader, member_id, at)
            known = member(reader, member_id) is not None
        if not known:
            raise Failure(
                f"Nothing is known of {member_id}", "Check the id.",
                code="no-such-member", exit_code=Exit.UNKNOWN,
            )  # fmt: skip
        said = ledger.vault.open_all(msgspec.to_builtins(found))
    rows = [("purpose", "channel", "since", "basis", "wording", "evidence")]
    rows += [
        (
            one["purpose"], one["channel"] or "all", str(one["time"])[:16], one["legal_basis"],
            one.get("wording_version") or "-", one.get("evidence") or "-",
        )
        for one in said["allowed"]
    ]  # fmt: skip
    console.result(said, table(rows) if said["allowed"] else f"{member_id} allowed nothing then.")


def _missing(console: Console) -> None:
    import msgspec

    from filrouge.wiring import ACTOR, opened_ledger
    from projections.consent_history import CONSENT_HISTORY, unallowed
    from projections.reader import reading

    with opened_ledger(console.settings) as ledger:
        ledger.accesses.record(ACTOR, "consents --missing", ()).result()
        found: list[MemberUnallowed] = []
        with reading(ledger.pool, CONSENT_HISTORY) as reader:
            while page := unallowed(reader, found[-1].member_id if found else None, ROWS_MAX):
                found += page
    rows = [("member", "invitation", "position", "sent", "channel", "purpose")]
    rows += [
        (
            one.member_id, sent.invitation_id, f"{sent.position:,}", f"{sent.time:%Y-%m-%d %H:%M}",
            sent.channel or "-", sent.purpose or "-",
        )
        for one in found
        for sent in one.invitations
    ]  # fmt: skip
    console.result(
        msgspec.to_builtins(found),
        table(rows, right=frozenset({2})) if found else "Nothing was sent without a valid consent.",
    )


@click.command("hold")
@click.argument("member_id")
@click.argument("hold_id")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is part of the history.")
@click.option("--approved-by", metavar="ID", help="Opaque id of whoever approved it.")
@click.option("--lift", is_flag=True, help="End this hold instead.")
@pass_console
def hold(
    console: Console, *, member_id: str, hold_id: str, reason: str, approved_by: str | None,
    lift: bool,
) -> None:  # fmt: skip
    """Keep a member's data for a claim or a proceeding: until it is lifted, nobody erases them."""
    from domain.holds import LiftLegalHold, PlaceLegalHold

    kind = LiftLegalHold if lift else PlaceLegalHold
    command = kind(member_id=member_id, hold_id=hold_id, reason=reason, approved_by=approved_by)
    _decided(console, command, f"{'Lifted' if lift else 'Placed'} the hold {hold_id}.")


@click.command("restrict")
@click.argument("member_id")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is part of the history.")
@click.option("--approved-by", metavar="ID", help="Opaque id of whoever approved it.")
@click.option("--lift", is_flag=True, help="Let the data be used again.")
@pass_console
def restrict(
    console: Console, *, member_id: str, reason: str, approved_by: str | None, lift: bool
) -> None:
    """Keep a member's personal data and do not use it: only keys with the scope admin open it."""
    from domain.holds import RestrictProcessing, UnrestrictProcessing

    kind = UnrestrictProcessing if lift else RestrictProcessing
    command = kind(member_id=member_id, reason=reason, approved_by=approved_by)
    text = "The data may be used again." if lift else "The data is kept, and not used."
    _decided(console, command, text)


def _decided(console: Console, command: Command, text: str) -> None:
    from filrouge.wiring import ACTOR, new_id, opened_ledger

    with opened_ledger(console.settings) as ledger:
        verdict = ledger.decide(command, command_id=new_id("cli"), actor=ACTOR).result()
        ledger.erasures.follow()
    console.result({"position": verdict.position}, f"{text} Position {verdict.position:,}.")


@click.command("accesses")
@click.option("--subject", metavar="TAG", help="Only of one: member:m_...; default: of all.")
@click.option(
    "--limit", type=click.IntRange(1, ROWS_MAX), default=100, show_default=True,
    help="The most that are shown.",
)  # fmt: skip
@pass_console
def accesses(console: Console, *, subject: str | None, limit: int) -> None:
    """Show who read whose personal data, and what auditors asked, newest first."""
    import msgspec

    from filrouge.wiring import ACTOR, opened_ledger

    with opened_ledger(console.settings) as ledger:
        ledger.accesses.record(ACTOR, "accesses", [subject] if subject else ()).result()
        found = ledger.accesses.page(subject=subject, limit=limit)
    rows = [("at", "who", "what", "of whom")]
    rows += [
        (
            f"{one.at:%Y-%m-%d %H:%M:%S}", one.actor, one.operation,
            " ".join(one.subjects[:2])
            + (f" and {len(one.subjects) - 2 + one.more} more" if len(one.subjects) > 2 else ""),  # noqa: PLR2004 - as many as fit
        )
        for one in found
    ]  # fmt: skip
    console.result(msgspec.to_builtins(found), table(rows))
