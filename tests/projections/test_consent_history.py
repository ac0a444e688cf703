"""Consent as history: what was allowed at any instant, and what was sent without it."""

from __future__ import annotations

from random import Random
from typing import Any

from domain.consents import ConsentGranted, ConsentWithdrawn
from domain.contact import Contact
from domain.invitations import InvitationSent, InvitationUnsubscribed
from domain.people import MemberErased
from projections.consent_history import CONSENT_HISTORY, consents, unallowed
from tests.projections.brand import DAY, SPRING, Brand


def sent(member_id: str, n: int, **said: Any) -> InvitationSent:
    """An invitation by e-mail for marketing, unless something else is said."""
    channel = said.pop("channel", "email")
    contact = None if channel is None else Contact(channel=channel)
    return InvitationSent(
        invitation_id=f"{member_id}-{n}", member_id=member_id, contact=contact,
        **{"purpose": "marketing", **said},
    )  # fmt: skip


def found(brand: Brand) -> dict[str, list[str]]:
    """The invitations without consent, by member."""
    with brand.reader(CONSENT_HISTORY) as reader:
        first = unallowed(reader, None, 2)
        rest = unallowed(reader, first[-1].member_id, 1_000) if len(first) == 2 else []
        return {one.member_id: [sent.invitation_id for sent in one.invitations]
                for one in (*first, *rest)}  # fmt: skip


def test_what_was_allowed_at_an_instant_with_its_wording(brand: Brand) -> None:
    """The last thing that was said of each purpose and channel, not what was said later."""
    brand.tell(
        ConsentGranted(
            member_id="ann", purpose="marketing", channel="email", wording_version="v3",
            evidence="form 12", double_opt_in="confirmed", controller="Maison Test",
        ),
        day=1,
    )  # fmt: skip
    brand.tell(ConsentGranted(member_id="ann", purpose="profiling", wording_version="v1"), day=2)
    brand.tell(ConsentWithdrawn(member_id="ann", purpose="marketing", channel="email"), day=5)
    with brand.reader(CONSENT_HISTORY) as reader:

        def allowed(day: float) -> list[tuple[str, str | None, str | None]]:
            said = consents(reader, "ann", SPRING + day * DAY)
            return [(one.purpose, one.channel, one.wording_version) for one in said.allowed]

        assert allowed(0) == []
        assert allowed(1) == [("marketing", "email", "v3")]
        assert allowed(4) == [("marketing", "email", "v3"), ("profiling", None, "v1")]
        assert allowed(5) == [("profiling", None, "v1")]
        said = consents(reader, "ann", SPRING + 9 * DAY)
        assert [one.granted for one in said.history] == [True, True, False]
        assert said.history[0].controller == "Maison Test"
        assert (said.history[0].evidence or "").startswith("sealed|consent.granted.v1|evidence|")
        assert consents(reader, "nobody", SPRING).history == ()


def test_what_was_sent_without_it(brand: Brand) -> None:
    """Before it was given, on another channel, for another purpose, after it was taken back."""
    brand.tell(sent("ann", 1), day=1)
    brand.tell(ConsentGranted(member_id="ann", purpose="marketing", channel="email"), day=2)
    brand.tell(sent("ann", 2), day=3)
    brand.tell(sent("ann", 3, channel="sms"), day=3)
    brand.tell(sent("ann", 4, purpose="profiling"), day=3)
    brand.tell(sent("ann", 5, purpose=None, channel=None), day=3)
    brand.tell(sent("ann", 6, channel="sms", legal_basis="contract"), day=3)
    brand.tell(ConsentGranted(member_id="bob", purpose="marketing", double_opt_in="pending"), day=1)
    brand.tell(sent("bob", 1), day=2)
    brand.tell(
        ConsentGranted(member_id="bob", purpose="marketing", double_opt_in="confirmed"), day=3
    )
    brand.tell(sent("bob", 2), day=4)
    brand.tell(InvitationUnsubscribed(invitation_id="bob-2", member_id="bob"), day=5)
    brand.tell(sent("bob", 3), day=6)
    brand.tell(ConsentGranted(member_id="eve", purpose="marketing"), day=1)
    erased = MemberErased(
        member_id="eve", destroyed=("subject-key",), irrecoverable_at=SPRING + 9 * DAY
    )
    brand.tell(erased, day=2)
    brand.tell(sent("eve", 1), day=3)
    assert found(brand) == {
        "ann": ["ann-1", "ann-3", "ann-4"], "bob": ["bob-1", "bob-3"], "eve": ["eve-1"],
    }  # fmt: skip


def test_a_late_consent_counts_from_when_it_was_given(brand: Brand) -> None:
    """And one that is voided never counted."""
    brand.tell(sent("ann", 1), day=3)
    position = brand.tell(
        ConsentGranted(member_id="ann", purpose="marketing", channel="email"), day=1
    )
    assert found(brand) == {}
    brand.tell(ConsentWithdrawn(member_id="ann", purpose="marketing"), day=2)
    assert found(brand) == {"ann": ["ann-1"]}
    brand.void(position + 1)
    assert found(brand) == {}
    brand.void(position)
    assert found(brand) == {"ann": ["ann-1"]}


def test_it_equals_a_naive_model(brand: Brand) -> None:
    """In any order of arrival: day by day, each purpose and channel apart."""
    random = Random(7)  # noqa: S311 - the same each time, and no secret
    told: list[tuple[float, Any]] = []
    for n in range(120):
        member, day = f"m{random.randrange(6)}", float(n)
        purpose, channel = (
            random.choice(["marketing", "news"]),
            random.choice(["email", "sms", None]),
        )
        kind = random.choice([ConsentGranted, ConsentWithdrawn, InvitationSent, InvitationSent])
        if kind is InvitationSent:
            event: Any = sent(member, n, purpose=purpose, channel=channel or "email")
        else:
            event = kind(member_id=member, purpose=purpose, channel=channel)
        told.append((day, event))
    for day, event in random.sample(told, len(told)):
        brand.tell(event, day=day)
    expected: dict[str, set[str]] = {}
    for day, event in told:
        if isinstance(event, InvitationSent) and not naive(told, day, event):
            expected.setdefault(event.member_id, set()).add(event.invitation_id)
    assert {name: set(some) for name, some in found(brand).items()} == expected
    assert expected


def naive(told: list[tuple[float, Any]], day: float, sent: InvitationSent) -> bool:
    """Walk through all that was said before; what is said of all channels is said of each."""
    allowed: dict[str, bool] = {}
    for at, event in sorted(told, key=lambda one: one[0]):
        if at > day or isinstance(event, InvitationSent):
            continue
        if event.member_id == sent.member_id and event.purpose == sent.purpose:
            for channel in [event.channel] if event.channel else ["email", "sms"]:
                allowed[channel] = isinstance(event, ConsentGranted)
    assert sent.contact is not None
    return allowed.get(str(sent.contact.channel), False)
