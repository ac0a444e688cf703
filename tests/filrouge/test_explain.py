"""``filrouge explain`` says in words, and as JSON, which events make a figure."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.lot_parts import LotDebit
from domain.points import PointsEarned, PointsRedeemed
from filrouge import commands_explain
from filrouge.settings import Settings
from filrouge.wiring import opened_ledger
from projections.explained import KINDS
from store.ledger import NewEvent
from tests.filrouge.conftest import Filrouge

MAY = datetime(2026, 5, 1, tzinfo=UTC)


def test_a_balance_in_words_and_as_json(filrouge: Filrouge) -> None:
    """Each event with its position, what it changed, why, and its proof on demand."""
    filrouge("init", "--currency", "EUR", "--time-zone", "UTC")
    award = PointsEarned(
        account_id="a1", lot_id="l1", points=50, origin="engagement", available_from=MAY,
        rule_id="welcome", rule_version=3,
    )  # fmt: skip
    debit = (LotDebit(lot_id="l1", points=20),)
    spent = PointsRedeemed(account_id="a1", points=20, lots=debit, reason="coffee")
    events = [NewEvent(one, f"e{n}", "/test", MAY) for n, one in enumerate((award, spent))]
    with opened_ledger(Settings.load()) as ledger:
        ledger.observe(events, actor="test", admin=True).result()
    text = filrouge("explain", "account", "a1", "active").out
    assert "active is 30: 50 - 20 = 30" in text
    assert "position 2, points.earned.v1: active +50 (by rule welcome version 3)" in text
    assert "position 3, points.redeemed.v1: active -20 (reason: coffee)" in text
    said = filrouge("explain", "account", "a1", "lots[l1].spent", "--proofs", "--json").json
    [step] = said["steps"]
    assert (step["position"], step["changes"][0]["change"]) == (3, 20)
    assert step["proof"].startswith("c2sp.org/tlog-proof@v1")
    before = filrouge("explain", "account", "a1", "--as-of", MAY.isoformat(), code=4)
    assert "No event speaks of the account 'a1'" in before.err
    assert filrouge("explain", "account", "a1", "nonsense", code=1).err


def test_every_kind_can_be_asked_for() -> None:
    """What the command offers is what there is an explanation of."""
    assert commands_explain.KINDS == KINDS
