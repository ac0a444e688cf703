"""What the vault seals, for whom, and that nobody else can open it."""

# Personal["member_id"] names a field of its own class, and a Struct copies its defaults.
# ruff: noqa: F821, RUF012

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import psycopg
import pytest

from domain.decision import Command
from domain.errors import InvalidEvent
from domain.event import Decided, Observation
from domain.personal import SEALED_LENGTH_MAX, Personal, digested
from domain.referrals import ReferralMade
from domain.types import TEXT_LENGTH_MAX, Block, IdentityID, MemberID, Name, ProspectID, Word
from store.keys import EpochKeyMissing, EpochKeys
from store.sealer import is_sealed
from store.sealing import Binding, SealBroken, SubjectErased, seal_text
from store.vault import Vault

Connect = Callable[[], AbstractContextManager[psycopg.Connection]]


class Through(Block, frozen=True):
    device: Annotated[Name | None, digested("device")] = None
    note: Personal["member_id"] | None = None


class Named(Observation, frozen=True, kw_only=True):
    """Stands in for an event; not in the catalogue, because it has no registered name."""

    type_name = "member.named.v1"

    member_id: MemberID
    identity_id: Annotated[IdentityID | None, digested("identity", "kind", "value")] = None
    kind: Word | None = None
    value: Personal["member_id"] | None = None
    words: dict[str, Personal["member_id"]] = {}
    nicknames: tuple[Personal["member_id"], ...] = ()
    contact: Through | None = None


class NameMember(Command, frozen=True, kw_only=True):
    seals_as = Named

    member_id: MemberID
    value: Personal["member_id"]


class Brought(Decided, frozen=True, kw_only=True):
    type_name = "friend.brought.v1"

    prospect_id: Annotated[ProspectID | None, digested("prospect", "prospect")] = None
    prospect: Personal["prospect_id"] | None = None


class Plain(Observation, frozen=True, kw_only=True):
    type_name = "plain.happened.v1"

    member_id: MemberID


ANNE = Named(member_id="m1", kind="email", value="Anne@Example.org")


def test_sealed_values_open_again_and_say_what_they_are_bound_to(vault: Vault) -> None:
    """What goes in comes out, through text, through lists, and through blocks."""
    event = Named(
        member_id="m1",
        value="Anne",
        words={"first|name": "Anne", "city": "Liège 🚲"},
        nicknames=("A.", "Annie"),
        contact=Through(note="left-handed"),
    )
    sealed = vault.seal(event)
    assert sealed.value is not None
    assert sealed.value.startswith("sealed|member.named.v1|value|member:m1|")
    assert sealed.words["city"].startswith("sealed|member.named.v1|words.city|member:m1|")
    assert sealed.contact is not None
    opened = vault.open_all(msgspec.to_builtins(sealed))
    assert opened == msgspec.json.decode(msgspec.json.encode(event))
    assert vault.open(sealed.words["first|name"]) == "Anne"


def test_nothing_personal_is_returned_as_it_is_and_asks_nobody() -> None:
    """An event without personal fields never waits for the vault's database."""

    def connect() -> Any:
        raise AssertionError

    keys = EpochKeys.from_bytes(bytes(32))
    vault = Vault(connect, schema="nowhere", ledger_id="led", keys=keys)
    event = Plain(member_id="m1")
    assert vault.seal(event) is event


@pytest.mark.parametrize(
    "event, wanted",
    [
        (Plain(member_id="m1"), False),
        (Named(member_id="m1", kind="email"), False),
        (Named(member_id="m1", contact=Through()), False),
        (Named(member_id="m1", contact=Through(device="d1")), True),
        (Named(member_id="m1", contact=Through(note="left-handed")), True),
        (Named(member_id="m1", value=""), True),
        (Named(member_id="m1", words={"city": "Liège"}), True),
        (Named(member_id="m1", nicknames=("A.",)), True),
        (NameMember(member_id="m1", value="Anne"), True),
        (Brought(prospect="Bob"), True),
        (Brought(prospect_id="p_1"), False),
        (ANNE, True),
    ],
)
def test_whether_there_is_something_to_seal(vault: Vault, event: Any, wanted: bool) -> None:  # noqa: FBT001 - a parameter of a test
    """What need not go to the vault is exactly what comes back from it as it went in."""
    assert is_sealed(event) is wanted
    assert (vault.seal(event) != event) is wanted


def test_sealing_the_same_again_gives_the_same(make_vault: Callable[..., Vault]) -> None:
    """A repeated event is recognised as the same, in whatever process it arrives."""
    assert make_vault().seal(ANNE) == make_vault().seal(ANNE)


def test_the_same_value_in_two_places_does_not_look_the_same(vault: Vault) -> None:
    """Nobody can tell from the ciphertexts that two people or fields share a value."""
    first = vault.seal(Named(member_id="m1", nicknames=("Smith",), words={"name": "Smith"}))
    other = vault.seal(Named(member_id="m2", nicknames=("Smith",)))
    texts = (first.nicknames[0], first.words["name"], other.nicknames[0])
    ciphers = {text.rsplit("|", 1)[1] for text in texts}
    assert len(ciphers) == 3


def test_a_command_seals_for_the_event_it_ends_up_in(vault: Vault) -> None:
    """The value of a command is what the event would have been sealed with."""
    command = vault.seal(NameMember(member_id="m1", value="Anne"))
    assert command.value == vault.seal(Named(member_id="m1", value="Anne")).value


@pytest.mark.parametrize(
    "part, other",
    [(1, "member.renamed.v1"), (2, "nickname"), (3, "member:m2"), (4, "A" * 40)],
)
def test_a_moved_or_changed_ciphertext_does_not_open(vault: Vault, part: int, other: str) -> None:
    """Type, field, subject and ciphertext are bound to each other."""
    sealed = vault.seal(Named(member_id="m1", value="Anne")).value
    vault.seal(Named(member_id="m2", value="Bob"))
    assert sealed is not None
    parts = sealed.split("|")
    parts[part] = other
    with pytest.raises(SealBroken):
        vault.open("|".join(parts))
    assert vault.open_all({"a": "|".join(parts)}) == {"a": "|".join(parts)}


def test_a_ciphertext_of_another_ledger_does_not_open(vault: Vault) -> None:
    """Even under the very same subject key, the ledger's id is bound into the seal."""
    vault.seal(ANNE)
    key = vault.keys_of({"member:m1"})["member:m1"]
    assert key is not None
    binding = Binding("member.named.v1", "value", "member:m1")
    assert vault.open(seal_text(key, vault.ledger_id, binding, "Anne")) == "Anne"
    with pytest.raises(SealBroken):
        vault.open(seal_text(key, "led_other", binding, "Anne"))


def test_every_changed_byte_of_a_ciphertext_is_found(vault: Vault) -> None:
    """There is no byte whose change goes unseen."""
    sealed = vault.seal(Named(member_id="m1", value="Anne")).value
    assert sealed is not None
    head, _, text = sealed.rpartition("|")
    cipher = urlsafe_b64decode(text)
    for place in range(len(cipher)):
        changed = bytearray(cipher)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            vault.open(f"{head}|{urlsafe_b64encode(changed).decode()}")


@pytest.mark.parametrize("text", ["", "Anne", "sealed|", "sealed|a|b", "sealed|a|b|c|*", "x|y"])
def test_what_is_not_sealed_does_not_open(vault: Vault, text: str) -> None:
    """A text of another form is refused alone, and left alone among others."""
    with pytest.raises(SealBroken):
        vault.open(text)
    assert vault.open_all([text]) == [text]


def test_another_epoch_key_opens_nothing(make_vault: Callable[..., Vault]) -> None:
    """The database alone is not enough: its keys are wrapped by one that it never saw."""
    sealed = make_vault().seal(ANNE).value
    assert sealed is not None
    stranger = make_vault(keys=EpochKeys.from_bytes(b"x" * 32))
    with pytest.raises(EpochKeyMissing):
        stranger.open(sealed)
    with pytest.raises(EpochKeyMissing):
        stranger.digest_key()


def test_a_wrapped_key_moved_to_another_subject_does_not_open(
    make_vault: Callable[..., Vault], connect: Connect
) -> None:
    """Whoever can write to the database cannot give one person's key to another."""
    make_vault().seal_many([ANNE, Named(member_id="m2", value="Bob")])
    with connect() as connection:
        connection.execute(
            "UPDATE vault_brand.subject_keys SET wrapped_key = (SELECT wrapped_key FROM "
            "vault_brand.subject_keys WHERE subject = 'member:m1') WHERE subject = 'member:m2'"
        )
    with pytest.raises(EpochKeyMissing):
        make_vault().seal(Named(member_id="m2", value="Bob"))


@pytest.mark.parametrize(
    "event",
    [
        Named(member_id="m1", value="sealed|member.named.v1|value|member:m2|AAAA"),
        Named(member_id="m1", value="digest|AAAA"),
        Named(member_id="m1", words={"city": "sealed|"}),
        Named(member_id="m1", contact=Through(device="digest|AAAA")),
        Named(member_id="m1", identity_id="i_mine", kind="email", value="a@b.org"),
        Named(member_id="m1", kind="phone", value="none"),
        Named(member_id="m1", value="a\0b"),
        Named(member_id="m1", value="\ud800"),
        Named(member_id="m1", value="x" * (TEXT_LENGTH_MAX + 1)),
        Brought(prospect="a@b.org", prospect_id="p_mine"),
    ],
    ids=lambda event: ascii(event)[:60],
)
def test_what_must_not_come_in_is_refused(vault: Vault, event: Any) -> None:
    """Sealed values, ids that the vault fills in, and texts that nobody could store."""
    with pytest.raises(InvalidEvent):
        vault.seal(event)


def test_a_personal_value_without_whose_it_is_is_refused(vault: Vault) -> None:
    """Nothing personal is taken in that nobody's erasure would reach."""

    class Loose(Observation, frozen=True, kw_only=True):
        type_name = "loose.said.v1"
        member_id: MemberID | None = None
        value: Personal["member_id"]

    with pytest.raises(InvalidEvent, match="member_id is missing"):
        vault.seal(Loose(value="Anne"))


def test_an_id_may_be_sent_where_nothing_is_there_to_compute_it_from(vault: Vault) -> None:
    """A partner that sends its own opaque ids keeps them."""
    assert vault.seal(Brought(prospect_id="p_partner")).prospect_id == "p_partner"


def test_one_bad_event_does_not_stop_the_others(vault: Vault) -> None:
    """Of many, each that is refused is its error, and the others are sealed."""
    good, bad, plain = vault.seal_many(
        [ANNE, Named(member_id="m1", value="sealed|"), Plain(member_id="m1")]
    )
    assert isinstance(good, Named)
    assert isinstance(bad, InvalidEvent)
    assert plain == Plain(member_id="m1")


def test_the_longest_text_fits(vault: Vault) -> None:
    """A text of the greatest length, of the widest characters, still fits its field sealed."""
    event = Named(member_id="m" * 128, value="\N{BICYCLE}" * TEXT_LENGTH_MAX)
    sealed = vault.seal(event)
    assert sealed.value is not None
    assert len(sealed.value) <= SEALED_LENGTH_MAX
    assert msgspec.json.decode(msgspec.json.encode(sealed), type=Named) == sealed
    assert vault.open(sealed.value) == event.value


@hypothesis.settings(
    max_examples=50, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(
    text=st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200
    )
)
def test_any_text_comes_back_the_same(vault: Vault, text: str) -> None:
    """Not normalised, not trimmed: the value itself."""
    hypothesis.assume(not text.startswith(("sealed|", "digest|")))
    sealed = vault.seal(Named(member_id="m1", value=text)).value
    assert sealed is not None
    assert vault.open(sealed) == text


def test_thousands_are_sealed_in_a_few_round_trips(connect: Connect, epoch_keys: EpochKeys) -> None:
    """An import asks the vault a fixed number of times for each of its batches."""
    transactions = 0

    def counting() -> AbstractContextManager[psycopg.Connection]:
        nonlocal transactions
        transactions += 1
        return connect()

    vault = Vault(counting, schema="vault_brand", ledger_id="led", keys=epoch_keys)
    events = [
        Named(member_id=f"m{number}", kind="email", value=f"{number}@example.org")
        for number in range(5_000)
    ]
    sealed = vault.seal_many(events)
    assert len({event.identity_id for event in sealed if isinstance(event, Named)}) == 5_000
    assert transactions <= 6
    vault.seal_many(events)
    assert transactions <= 7


def test_nothing_is_clear_in_any_table_of_the_vault(vault: Vault, connect: Connect) -> None:
    """Whoever reads the vault's tables finds no value, no key, and no e-mail's plain hash."""
    vault.seal_many(
        [
            ANNE,
            Named(member_id="m1", words={"first_name": "Annette"}),
            Named(member_id="m1", contact=Through(device="iPhone of Anne")),
            Brought(prospect="bob@example.net"),
        ]
    )
    vault.id_for("member", "crm", "customer-4711")
    key = vault.keys_of({"member:m1"})["member:m1"]
    assert key is not None
    with connect() as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname = 'vault_brand'"
        ).fetchall()
        content = "\n".join(
            row
            for (table,) in tables
            for (row,) in connection.execute(f"SELECT t::text FROM {table} t")
        ).lower()
    assert len(tables) >= 6
    assert "member:m1" in content
    for clear in ("anne", "example", "iphone", "4711", "bob", key.hex(), vault.digest_key().hex()):
        assert clear not in content
        assert clear.encode().hex() not in content


def test_the_erased_never_come_back(make_vault: Callable[..., Vault], connect: Connect) -> None:
    """Their key is gone, is never made again, and their look-ups find nobody."""
    vault = make_vault()
    sealed = vault.seal(ANNE)
    vault.erase("member:m1", "member:m_never_seen")
    for one in (vault, make_vault()):
        assert sealed.value is not None
        assert one.open(sealed.value) is None
        assert one.open_all([sealed.value, "plain"]) == [None, "plain"]
        assert one.find("identity", "email", "anne@example.org") is None
        for member in ("m1", "m_never_seen"):
            late = one.seal(Named(member_id=member, kind="email", value="anne@example.org"))
            assert late.value == f"sealed|member.named.v1|value|member:{member}|"
            assert late.identity_id is None
            assert one.open(late.value) is None
            with pytest.raises(SubjectErased):
                one.seal(NameMember(member_id=member, value="anne@example.org"))
    with connect() as connection:
        left = connection.execute("SELECT count(*) FROM vault_brand.digests").fetchone()
        assert left == (0,)
    anew = vault.seal(Named(member_id="m2", kind="email", value="anne@example.org"))
    assert anew.identity_id != sealed.identity_id


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vault_brand.subject_keys SET wrapped_key = '\\x00', erased_at = NULL",
        "DELETE FROM vault_brand.subject_keys",
        "TRUNCATE vault_brand.subject_keys",
    ],
)
def test_the_database_itself_refuses_to_bring_the_erased_back(
    vault: Vault, connect: Connect, statement: str
) -> None:
    """A row without a key stays, so that no key is made again."""
    vault.erase("member:m1")
    with connect() as connection, pytest.raises(psycopg.errors.RaiseException):
        connection.execute(statement.encode())


def test_an_erasure_reaches_what_other_processes_remember(
    make_vault: Callable[..., Vault], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was remembered before an erasure is forgotten when it is looked at next."""
    monkeypatch.setattr("store.vault.ERASURE_SEEN_SECONDS_MAX", 0.0)
    here, there = make_vault(), make_vault()
    sealed = here.seal(ANNE).value
    assert sealed is not None
    assert there.open(sealed) == ANNE.value
    here.erase("member:m1")
    assert there.open(sealed) is None
    assert there.seal(ANNE).value == "sealed|member.named.v1|value|member:m1|"


def test_a_shared_identity_stays_known_until_its_last_holder_is_erased(vault: Vault) -> None:
    """A family's address is still recognised for the others."""
    for member in ("m1", "m2"):
        vault.seal(Named(member_id=member, kind="email", value="family@example.org"))
    vault.erase("member:m1")
    assert vault.find("identity", "email", "family@example.org") is not None
    vault.erase("member:m2")
    assert vault.find("identity", "email", "family@example.org") is None


def test_a_prospect_is_sealed_under_a_key_of_their_own(vault: Vault) -> None:
    """The one who was named is a data subject, whoever named them."""
    brought = vault.seal(Brought(prospect="Bob@Example.net "))
    assert brought.prospect is not None
    assert f"|prospect:{brought.prospect_id}|" in brought.prospect
    assert vault.seal(Brought(prospect="bob@example.net")).prospect_id == brought.prospect_id
    vault.erase(f"prospect:{brought.prospect_id}")
    assert vault.open(brought.prospect) is None
    assert vault.seal(Brought(prospect="bob@example.net")).prospect_id != brought.prospect_id


def test_what_recognises_a_prospect_goes_with_the_prospect(vault: Vault) -> None:
    """The identity that a prospect was named by is known until they are erased."""
    made = vault.seal(
        ReferralMade(
            referral_id="r1",
            advocate_id="m1",
            programme="friends",
            prospect="bob@example.net",
            prospect_kind="email",
        )
    )
    assert made.prospect_identity_id == vault.find("identity", "email", "BOB@example.net")
    vault.erase(f"prospect:{made.prospect_id}")
    assert vault.find("identity", "email", "bob@example.net") is None
    assert vault.find("prospect", "bob@example.net") is None
