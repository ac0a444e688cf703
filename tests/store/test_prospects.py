"""A prospect who is a member already is recognised, and nothing in the log says how."""

from domain.identities import IdentifyMember
from domain.referrals import ReferralMade
from store.vault import Vault


def test_naming_ones_own_address_can_be_known(vault: Vault) -> None:
    """The referral gets the identity's own id, however the address was written."""
    own = vault.seal(
        IdentifyMember(member_id="m1", kind="email", value="ann@example.org", exclusive=True)
    )
    named = vault.seal(
        ReferralMade(
            referral_id="f1", advocate_id="m1", programme="club",
            prospect_kind="email", prospect=" Ann@Example.org",
        )
    )  # fmt: skip
    assert named.prospect_identity_id == own.identity_id is not None
    assert named.prospect_id not in (None, named.prospect_identity_id)


def test_a_prospect_of_unknown_kind_is_nobody_that_we_know(vault: Vault) -> None:
    """Without the kind there is no identity to compare with."""
    named = vault.seal(
        ReferralMade(referral_id="f1", advocate_id="m1", programme="club", prospect="ann")
    )
    assert named.prospect_identity_id is None
    assert named.prospect_id is not None


def test_an_identity_that_a_prospect_and_a_member_share_outlives_the_prospect(
    vault: Vault,
) -> None:
    """The member is still recognised when the prospect is erased, and not when both are."""
    named = vault.seal(
        ReferralMade(
            referral_id="f1", advocate_id="m1", programme="club",
            prospect_kind="email", prospect="ann@example.org",
        )
    )  # fmt: skip
    vault.seal(
        IdentifyMember(member_id="m2", kind="email", value="ann@example.org", exclusive=True)
    )
    vault.erase(f"prospect:{named.prospect_id}")
    assert vault.find("identity", "email", "ann@example.org") == named.prospect_identity_id
    vault.erase("member:m2")
    assert vault.find("identity", "email", "ann@example.org") is None
