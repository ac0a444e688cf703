"""Balances: points by state at any instant, by lot and in all."""

from domain.accounts import AccountOpened, HolderAdded, HolderRemoved
from domain.points import PointsClawedBack, PointsRedeemed, PointsReserved
from projections import balances
from projections.balances import BALANCES, Expiry, PointsInAll
from tests.projections.brand import DAY, SPRING, Brand
from tests.projections.movements import earned, taken, transferred

OPENED = AccountOpened(
    account_id="a1", programme="club", points_currency="stars", holders=("m1", "m2")
)


def test_states_depend_on_the_instant(brand: Brand) -> None:
    """The same lots are pending, then active, then expired; nothing has to happen for it."""
    brand.tell(
        OPENED,
        earned("l1", 100, available_from=SPRING + 10 * DAY, expires_at=SPRING + 30 * DAY),
        earned("l2", 40, expires_at=SPRING + 20 * DAY),
        earned("l3", 7),
    )
    with brand.reader(BALANCES) as reader:
        seen = []
        for day in (0, 10, 20, 30):
            found = balances.balance(reader, "a1", SPRING + day * DAY)
            assert found is not None
            assert found.issued == 147
            assert found.spendable == found.active
            seen.append((found.pending, found.active, found.expired, found.next_expiry))
    first, second = Expiry(SPRING + 20 * DAY, 40), Expiry(SPRING + 30 * DAY, 100)
    assert seen == [
        (100, 47, 0, first),
        (0, 147, 0, first),
        (0, 107, 40, second),
        (0, 7, 140, None),
    ]


def test_every_state_by_lot_adds_up_to_the_account(brand: Brand) -> None:
    """Issued and owed are the other six, in all and in each lot."""
    brand.tell(
        OPENED,
        earned("l1", 100, expires_at=SPRING + 30 * DAY),
        earned("l2", 50),
        taken(PointsRedeemed, {"l1": 80}),
        taken(PointsReserved, {"l1": 20, "l2": 10}, reservation_id="r1", until=SPRING + 5 * DAY),
        taken(PointsClawedBack, {"l1": 30}),
    )
    with brand.reader(BALANCES) as reader:
        now = balances.balance(reader, "a1", SPRING)
        later = balances.balance(reader, "a1", SPRING + 5 * DAY)
    assert now is not None
    assert later is not None
    assert (now.spent, now.reserved, now.cancelled, now.owed, now.active) == (80, 30, 30, 30, 40)
    assert now.spendable == 10
    assert (later.reserved, later.owed, later.active) == (0, 10, 50)
    assert [lot.lot_id for lot in now.lots] == ["l1", "l2"]
    for one in (now, later, *now.lots, *later.lots):
        assert one.issued + one.owed == (
            one.pending + one.active + one.reserved + one.spent + one.expired + one.cancelled
        )
    for name in ("issued", "owed", "active", "reserved", "spent", "cancelled"):
        assert getattr(now, name) == sum(getattr(lot, name) for lot in now.lots)


def test_lots_with_something_left_come_first_to_be_spent_first(brand: Brand) -> None:
    """What is finished is shown after what can still be spent."""
    brand.tell(
        earned("never", 1),
        earned("late", 1, expires_at=SPRING + 9 * DAY),
        earned("soon", 1, expires_at=SPRING + 5 * DAY),
        earned("gone", 1, expires_at=SPRING + 2 * DAY),
    )
    with brand.reader(BALANCES) as reader:
        found = balances.balance(reader, "a1", SPRING + 3 * DAY)
    assert found is not None
    assert [lot.lot_id for lot in found.lots] == ["soon", "late", "never", "gone"]
    assert found.lots_count == 4


def test_a_household_shares_its_account_while_it_holds_it(brand: Brand) -> None:
    """Each holder sees the account; one who was removed does not."""
    brand.tell(
        OPENED,
        earned("l1", 100),
        AccountOpened(account_id="a2", programme="club", points_currency="stars"),
        transferred({"l1": 30}),
        HolderAdded(account_id="a2", member_id="m2"),
        HolderRemoved(account_id="a1", member_id="m1"),
    )
    with brand.reader(BALANCES) as reader:
        assert balances.of_member(reader, "m1", SPRING) == ()
        assert balances.of_member(reader, "nobody", SPRING) == ()
        found = balances.of_member(reader, "m2", SPRING)
        assert balances.balance(reader, "nothing", SPRING) is None
        assert balances.totals(reader) == (PointsInAll("stars", accounts=2, issued=100),)
    assert [(one.account_id, one.active, one.holders) for one in found] == [
        ("a1", 70, ("m2",)),
        ("a2", 30, ("m2",)),
    ]


def test_what_was_voided_never_was(brand: Brand) -> None:
    """The balance is as if it had not been recorded."""
    wrong = brand.tell(OPENED, earned("l1", 1_000))
    brand.tell(earned("l2", 5))
    brand.void(wrong)
    with brand.reader(BALANCES) as reader:
        found = balances.balance(reader, "a1", SPRING)
    assert found is not None
    assert (found.issued, found.active) == (5, 5)
