"""Identities: whom each recognises now."""

from typing import Any

from domain.identities import IdentityReleased, MemberIdentified
from projections import identities
from projections.identities import IDENTITIES, Holder
from tests.projections.brand import DAY, SPRING, Brand


def identified(member_id: str, value: str, **more: Any) -> MemberIdentified:
    """A member is recognised by an e-mail, shared unless it is said to be exclusive."""
    rest: dict[str, Any] = {"exclusive": False, **more}
    return MemberIdentified(member_id=member_id, kind="email", value=value, **rest)


def test_an_identity_names_the_members_who_have_it_now(brand: Brand) -> None:
    """In the order in which they got it; not those who gave it up, and nobody without it."""
    brand.tell(identified("m1", "family@example.org"))
    brand.tell(identified("m2", "Family@Example.org "), day=1)
    brand.tell(identified("m3", "other@example.org", exclusive=True, verified="link"), day=2)
    brand.tell(identified("m1", "family@example.org", verified="link"), day=3)
    family = brand.ledger.vault.find("identity", "email", "family@example.org")
    other = brand.ledger.vault.find("identity", "email", "other@example.org")
    assert family is not None
    assert other is not None
    with brand.reader(IDENTITIES) as reader:
        assert identities.holders(reader, family) == (
            Holder("m2", exclusive=False, since=SPRING + DAY),
            Holder("m1", exclusive=False, since=SPRING, verified="link"),
        )
        assert identities.holders(reader, other) == (
            Holder("m3", exclusive=True, since=SPRING + 2 * DAY, verified="link"),
        )
        assert identities.holders(reader, "i_unknown") == ()
    brand.tell(IdentityReleased(member_id="m1", identity_id=family, reason="given up"), day=4)
    with brand.reader(IDENTITIES) as reader:
        assert [one.member_id for one in identities.holders(reader, family)] == ["m2"]


def test_a_voided_identification_recognises_nobody(brand: Brand) -> None:
    """And what was said before it holds again."""
    brand.tell(identified("m1", "a@example.org"))
    wrong = brand.tell(identified("m2", "a@example.org"), day=1)
    brand.void(wrong)
    found = brand.ledger.vault.find("identity", "email", "a@example.org")
    assert found is not None
    with brand.reader(IDENTITIES) as reader:
        assert [one.member_id for one in identities.holders(reader, found)] == ["m1"]
