"""Erasing: the log orders it, the vault follows, and nothing that was destroyed comes back."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.erasures import AlreadyErased, EraseMember, EraseProspect, NobodyToErase, UnderLegalHold
from domain.holds import LiftLegalHold, PlaceLegalHold
from domain.identities import IdentifyMember
from domain.people import EnrolMember, MemberErased, ProfileUpdated
from domain.purchases import PurchaseRecorded, PurchaseReturned
from domain.referrals import ReferralMade
from store.certificates import CertificateInvalid, NotCertifiedYet, check
from store.database import Database
from store.keys import EpochKeyMissing, EpochKeyRetired, EpochKeys
from store.ledger import Ledger, NewEvent
from store.log_keys import LogKeys
from store.sealing import SubjectErased
from store.vault import Vault
from store.vault_rotation import Rotation
from tests.conftest import EPOCH_KEY

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def enrolled(ledger: Ledger, name: str = "ann") -> str:
    """A member who is recognised by an address, with an attribute and an order."""
    verdict = ledger.decide(EnrolMember(), command_id=f"enrol-{name}", actor="t").result()
    member_id = str(verdict.events[0].event.member_id)  # type: ignore[union-attr]
    identify = IdentifyMember(
        member_id=member_id, kind="email", value=f"{name}@example.org", exclusive=True
    )
    ledger.decide(identify, command_id=f"identify-{name}", actor="t").result()
    reported = [
        NewEvent(
            ProfileUpdated(member_id=member_id, personal={"city": f"city of {name}"}),
            f"profile-{name}", "crm", NOON,
        ),
        bought(member_id, name),
    ]  # fmt: skip
    for outcome in ledger.observe(reported, actor="t").result():
        assert outcome.error is None
    return member_id


def bought(member_id: str | None, name: str) -> NewEvent:
    """A purchase under the shop's own number."""
    event = PurchaseRecorded(
        purchase_id=f"p-{name}", order_reference=f"order of {name}", member_id=member_id,
        currency="EUR", net=100,
    )  # fmt: skip
    return NewEvent(event, f"purchase-{name}", "till", NOON)


def erase(ledger: Ledger, member_id: str, **said: object) -> int:
    """Order the erasure and carry it out."""
    command = EraseMember(member_id=member_id, **said)  # type: ignore[arg-type]
    verdict = ledger.decide(command, command_id=f"erase-{member_id}", actor="t").result()
    ledger.erasures.follow()
    return verdict.position


def sealed_of(ledger: Ledger) -> list[str]:
    """Every sealed text of the log."""
    return [
        text
        for one in ledger.log.read()
        for text in one.entry.decode().split('"')
        if text.startswith("sealed|")
    ]


def test_what_is_erased_does_not_open_and_recognises_nobody(ledger: Ledger) -> None:
    """The member's values, their orders and their address; nobody else's."""
    ann, bob = enrolled(ledger), enrolled(ledger, "bob")
    sealed = sealed_of(ledger)
    assert len(sealed) == 6
    assert None not in [ledger.vault.open(text) for text in sealed]
    position = erase(ledger, ann, reason="requested")
    assert [ledger.vault.open(text) for text in sealed[:3]] == [None] * 3
    assert None not in [ledger.vault.open(text) for text in sealed[3:]]
    assert ledger.vault.find("identity", "email", "ann@example.org") is None
    assert ledger.vault.find("order", "order of ann") is None
    assert ledger.vault.find("identity", "email", "bob@example.org") is not None
    recorded = ledger.log.entry(position)
    assert recorded is not None
    assert isinstance(recorded.event, MemberErased)
    assert recorded.event.destroyed == ("subject-key", "identity-digests")
    assert len(recorded.event.identities) == 1
    assert (recorded.event.irrecoverable_at - recorded.envelope.recorded_at).days == 30
    applied = ledger.erasures.applied(position)
    assert applied is not None
    assert (applied.subject, applied.keys, applied.digests) == (f"member:{ann}", 2, 2)
    with pytest.raises(AlreadyErased):
        ledger.decide(EraseMember(member_id=ann), command_id="again", actor="t").result()
    assert bob != ann


def test_nobody_and_whom_a_hold_protects(ledger: Ledger) -> None:
    """An id that no event speaks of, and a member whose data has to be kept."""
    with pytest.raises(NobodyToErase):
        erase(ledger, "m_nobody")
    ann = enrolled(ledger)
    hold = PlaceLegalHold(member_id=ann, hold_id="case-1", reason="a claim")
    ledger.decide(hold, command_id="hold", actor="t").result()
    with pytest.raises(UnderLegalHold):
        erase(ledger, ann)
    lift = LiftLegalHold(member_id=ann, hold_id="case-1", reason="it is settled")
    ledger.decide(lift, command_id="lift", actor="t").result()
    ledger.decide(EraseMember(member_id=ann), command_id="now", actor="t").result()


def test_what_is_reported_later_is_recorded_without_what_is_personal(ledger: Ledger) -> None:
    """Facts are recorded; a decision that needs the person is refused; no key is made again."""
    ann = enrolled(ledger)
    erase(ledger, ann)
    late = [
        NewEvent(ProfileUpdated(member_id=ann, personal={"city": "Lyon"}), "late", "crm", NOON),
        bought(ann, "late"),
    ]
    first, second = ledger.observe(late, actor="t").result()
    assert first.error is None
    assert second.error is None
    for outcome in (first, second):
        entry = ledger.log.entry(outcome.position or 0)
        assert entry is not None
        assert b"Lyon" not in entry.entry
        [text] = [part for part in entry.entry.decode().split('"') if part.startswith("sealed|")]
        assert text.endswith("|")
        assert ledger.vault.open(text) is None
        assert b"order_id" not in entry.entry
    assert ledger.vault.find("order", "order of late") is None
    identify = IdentifyMember(member_id=ann, kind="phone", value="+33 1 23", exclusive=False)
    with pytest.raises(SubjectErased):
        ledger.decide(identify, command_id="late", actor="t").result()


def test_what_was_reported_before_is_still_a_duplicate(ledger: Ledger) -> None:
    """Sent again after the erasure it is the same fact, though nobody can compare the values."""
    ann = enrolled(ledger)
    before = ledger.log.head().position
    again = [
        NewEvent(
            ProfileUpdated(member_id=ann, personal={"city": "city of ann"}),
            "profile-ann", "crm", NOON,
        ),
        bought(ann, "ann"),
    ]  # fmt: skip
    erase(ledger, ann)
    outcomes = ledger.observe(again, actor="t").result()
    assert [(one.position, one.duplicate) for one in outcomes] == [
        (before - 1, True), (before, True),
    ]  # fmt: skip
    other = NewEvent(
        PurchaseRecorded(
            purchase_id="p-ann", order_reference="x", member_id=ann, currency="EUR", net=1
        ),
        "purchase-ann", "till", NOON,
    )  # fmt: skip
    [refused] = ledger.observe([other], actor="t").result()
    assert refused.error is not None
    assert refused.error.context["field"] == "data.net"


def test_a_return_goes_with_its_purchase(ledger: Ledger) -> None:
    """Though it names nobody: it says the order of a purchase of the member."""
    ann = enrolled(ledger)
    event = PurchaseReturned(
        return_id="r-1", order_reference="order of ann", currency="EUR", net=10
    )
    [outcome] = ledger.observe([NewEvent(event, "return", "till", NOON)], actor="t").result()
    assert outcome.error is None
    text = sealed_of(ledger)[-1]
    assert ledger.vault.open(text) == "order of ann"
    erase(ledger, ann)
    assert ledger.vault.open(text) is None


def test_a_prospect(ledger: Ledger) -> None:
    """The one who was named may ask for it, though no member."""
    ann = enrolled(ledger)
    named = ReferralMade(
        referral_id="f-1", advocate_id=ann, programme="friends", prospect="eve@example.org",
        prospect_kind="email",
    )  # fmt: skip
    ledger.observe([NewEvent(named, "friend", "app", NOON)], actor="t").result()
    text = sealed_of(ledger)[-1]
    prospect = ledger.vault.find("prospect", "eve@example.org")
    assert prospect is not None
    command = EraseProspect(prospect_id=prospect)
    ledger.decide(command, command_id="erase", actor="t").result()
    ledger.erasures.follow()
    assert ledger.vault.open(text) is None
    assert ledger.vault.find("prospect", "eve@example.org") is None
    assert ledger.vault.find("identity", "email", "eve@example.org") is None
    assert ledger.vault.find("identity", "email", "ann@example.org") is not None


def test_whatever_crashes_in_between_it_is_carried_out(
    ledger: Ledger, installation: Database, tmp_path: Path
) -> None:
    """The order stands in the log: the next one who follows it does the rest, and only once."""
    installation.register_folder = tmp_path
    ann = enrolled(ledger)
    sealed = sealed_of(ledger)
    verdict = ledger.decide(EraseMember(member_id=ann), command_id="erase", actor="t").result()
    # Nobody followed yet, as if the process had ended here.
    assert ledger.vault.open(sealed[0]) is not None
    assert ledger.erasures.applied(verdict.position) is None
    for _ in range(2):
        other = installation.open("test")
        try:
            assert other.erasures.follow() == verdict.position
            assert other.vault.open(sealed[0]) is None
            applied = other.erasures.applied(verdict.position)
            assert applied is not None
            assert applied.keys == 2
        finally:
            other.close()
    [register] = tmp_path.iterdir()
    assert register.read_bytes() == verdict.events[0].entry + b"\n"
    assert register.stat().st_mode & 0o777 == 0o600


KEYS = LogKeys([b"the key that signs".ljust(32)])


def rotated(ledger: Ledger, path: Path) -> None:
    """Rotate the epoch key as the command does, and destroy the old one."""
    keys = ledger.vault.tables.epoch_keys
    keys.with_new().save(path)
    keys.read_again()
    rotation = Rotation(ledger.vault.tables)
    rotation.retire_others()
    rotation.wrap_anew()
    old = rotation.destroyable()
    keys.without(old).save(path)
    keys.read_again()
    ledger.record_destroyed(old)


@pytest.fixture
def rotatable(installation: Database, tmp_path: Path) -> Path:
    """A key file that holds the epoch key of the ledger."""
    path = tmp_path / "epoch.key"
    installation.keys.path = path
    installation.keys.save(path)
    return path


def test_two_certificates_prove_it_to_a_stranger(ledger: Ledger, rotatable: Path) -> None:
    """One when the key is destroyed, one when no backup can bring it back."""
    ann, bob = enrolled(ledger), enrolled(ledger, "bob")
    position = erase(ledger, ann)
    with pytest.raises(NotCertifiedYet):
        ledger.certificates.read(position)
    ledger.tree.grow(KEYS)
    assert ledger.certificates.issue(KEYS) == 1
    assert ledger.certificates.issue(KEYS) == 0
    trusted = ledger.tree.verifiers()
    first = ledger.certificates.read(position)
    said = check(first, trusted)
    assert f"subject member:{ann}" in said
    assert "destroyed 2 keys and 2 look-up digests" in said
    with pytest.raises(NotCertifiedYet):
        ledger.certificates.read(position, final=True)
    sealed = sealed_of(ledger)
    rotated(ledger, rotatable)
    ledger.tree.grow(KEYS)
    assert ledger.certificates.issue(KEYS) == 1
    final = ledger.certificates.read(position, final=True)
    said = check(final, trusted)
    assert any(line.startswith("irrecoverable-since ") for line in said)
    assert [one.position for one in final.events] == [position, ledger.log.head().position]
    # Whoever is alive is not touched by any of it.
    assert None not in [ledger.vault.open(text) for text in sealed[3:6]]
    assert ledger.vault.find("identity", "email", "bob@example.org") is not None
    assert bob not in final.statement


@pytest.mark.parametrize("what", ["statement", "entry", "receipt", "position", "key"])
def test_a_certificate_that_was_changed_does_not_hold(ledger: Ledger, what: str) -> None:
    """Neither the statement, nor the event, nor its proof, nor another log's key."""
    position = erase(ledger, enrolled(ledger))
    ledger.tree.grow(KEYS)
    ledger.certificates.issue(KEYS)
    good, trusted = ledger.certificates.read(position), ledger.tree.verifiers()
    check(good, trusted)
    [event] = good.events
    match what:
        case "statement":
            spoilt = replace(good, statement=good.statement.replace("2 keys", "3 keys"))
        case "entry":
            spoilt = replace(good, events=[replace(event, entry=event.entry.replace("m_", "n_"))])
        case "receipt":
            other = ledger.tree.receipt(position - 1).text
            spoilt = replace(good, events=[replace(event, receipt=other)])
        case "position":
            spoilt = replace(good, events=[replace(event, position=position - 1)])
        case _:
            spoilt, trusted = good, LogKeys([b"another".ljust(32)]).verifiers("filrouge/l_test/1")
    with pytest.raises(CertificateInvalid):
        check(spoilt, trusted)


def test_a_process_that_holds_the_old_key_takes_the_new_one(
    ledger: Ledger, installation: Database, rotatable: Path
) -> None:
    """It reads the key file again; what it wraps is never wrapped by a retired key."""
    ann = enrolled(ledger)
    other_keys = EpochKeys.from_file(rotatable)
    other = Vault(
        installation._vault_pool.connection, schema="vault_test", ledger_id="l_test",
        keys=other_keys,
    )  # fmt: skip
    sealed = sealed_of(ledger)[0]
    assert other.open(sealed) is not None
    rotated(ledger, rotatable)
    other.seal(ProfileUpdated(member_id="m_new", personal={"city": "Nice"}))
    assert other_keys.names == ledger.vault.tables.epoch_keys.names
    assert len(other_keys.names) == 1
    assert other.open(sealed) is not None
    stuck = Vault(
        installation._vault_pool.connection, schema="vault_test", ledger_id="l_test",
        keys=EpochKeys.from_bytes(EPOCH_KEY),
    )  # fmt: skip
    with pytest.raises(EpochKeyRetired):
        stuck.seal(ProfileUpdated(member_id="m_other", personal={"city": "Nice"}))
    assert ann


def test_a_backup_of_the_vault_is_erased_again_and_useless_once_it_is_final(
    ledger: Ledger, rotatable: Path, tmp_path: Path
) -> None:
    """The vault follows the log again; without the epoch key the backup opens nothing at all."""
    ann = enrolled(ledger)
    sealed = sealed_of(ledger)[0]
    before, bundle = EpochKeys.from_file(rotatable), tmp_path / "keys.bundle"
    with ledger.vault.tables.cursor("test") as cursor:
        cursor.execute(
            "SELECT wrapped_key FROM vault_test.subject_keys WHERE subject = %s", [f"member:{ann}"]
        )
        [(wrapped,)] = cursor.fetchall()
    ledger.vault.export_keys(bundle)
    position = erase(ledger, ann)
    # As if an old backup had been brought back: the key is there, and the note is not.
    with ledger.vault.tables.cursor("test") as cursor:
        cursor.execute("ALTER TABLE vault_test.subject_keys DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE vault_test.subject_keys SET wrapped_key = %s, erased_at = NULL"
            " WHERE subject = %s",
            [wrapped, f"member:{ann}"],
        )
        cursor.execute("ALTER TABLE vault_test.subject_keys ENABLE TRIGGER USER")
        cursor.execute("UPDATE vault_test.followed SET position = %s", [position - 1])
        cursor.execute("UPDATE vault_test.erasures SET number = number + 1")
    ledger.vault.forget()
    assert ledger.vault.open(sealed) is not None
    ledger.erasures.follow()
    assert ledger.vault.open(sealed) is None
    purpose = f"l_test|member:{ann}"
    assert before.unwrap(before.current, wrapped, purpose)
    rotated(ledger, rotatable)
    left = EpochKeys.from_file(rotatable)
    with pytest.raises(EpochKeyMissing):
        left.unwrap(before.current, wrapped, purpose)
    lines = [json.loads(line) for line in bundle.read_text().splitlines()]
    wrapped_keys = [one for one in lines if "wrapped" in one]
    assert len(wrapped_keys) == 3
    for one in wrapped_keys:
        with pytest.raises(EpochKeyMissing):
            left.unwrap(
                left.current, b64decode(one["wrapped"]), f"l_test|{one.get('subject', 'digests')}"
            )


def test_what_was_noted_holds_after_a_restore_of_the_database(
    ledger: Ledger, installation: Database
) -> None:
    """The epoch is raised and the erasures are followed again, with nothing left to destroy."""
    ann = enrolled(ledger)
    position = erase(ledger, ann)
    before = ledger.erasures.applied(position)
    assert before is not None
    epoch = installation.recover("test").epoch
    assert epoch > before.epoch
    assert ledger.erasures.follow() == position
    assert ledger.erasures.applied(position) == before._replace(epoch=epoch)
