"""``filrouge simulate-rules``: the difference as text and JSON, and errors that say what to do."""

import gzip
import json
from pathlib import Path

from domain.contact import Contact
from domain.publishing import PublishRule
from domain.purchases import PurchaseRecorded
from filrouge.settings import Settings
from filrouge.wiring import opened_ledger
from tests.filrouge.conftest import Filrouge
from tests.store.test_rules_in_batches import PEOPLE, Shop, terms

RULES = """
[rules.{name}]
programme = "club"
points_currency = "stars"
trigger = "purchase.recorded"
kind = "per_event"
points = "{points}"
"""


def test_it_replays_nothing_where_there_is_nothing(filrouge: Filrouge, tmp_path: Path) -> None:
    """And a file of rules that could not be applied is named, with the place of the fault."""
    filrouge("init")
    same = filrouge("simulate-rules", "--json").json
    assert (same["awards_recorded"], same["awards_simulated"]) == (0, 0)
    sound, wrong = tmp_path / "sound.toml", tmp_path / "wrong.toml"
    sound.write_text(RULES.format(name="a", points="5"))
    wrong.write_text(RULES.format(name="b", points="event.nett"))
    assert "0 members would have other points" in filrouge("simulate-rules", sound).out
    said = filrouge("simulate-rules", wrong, "--json", code=2).error
    assert said["error"] == "wrong-rules"
    assert "rules.b" in said["message"]
    assert "undeclared reference to 'event.nett'" in said["message"]


def test_it_shows_who_what_and_where(filrouge: Filrouge, tmp_path: Path) -> None:
    """By rule, campaign, segment and member as text; every award and every member in files."""
    filrouge("init")
    with opened_ledger(Settings.load()) as ledger:
        shop = Shop(ledger)
        shop.report(*PEOPLE, admin=True)
        shop.do(PublishRule(rule_id="a", terms=terms(points="3")))
        contact = Contact(channel="store", segment="young")
        shop.report(
            *(
                PurchaseRecorded(
                    purchase_id=f"p{n}", member_id="m1", net=100, currency="EUR", contact=contact
                )
                for n in range(2)
            )
        )
    rules, awards, members = (tmp_path / name for name in ("r.toml", "a.ndjson.gz", "m.ndjson"))
    rules.write_text(RULES.format(name="b", points="5"))
    said = filrouge("simulate-rules", rules, "--awards", awards, "--members", members).out
    rows = [line.split() for line in said.splitlines()]
    for row in (
        ["a", "6", "0", "-6"],
        ["b", "0", "10", "+10"],
        ["in", "all", "6", "10", "+4"],
        ["young", "6", "10", "+4"],
        ["m1", "6", "10", "+4"],
    ):
        assert row in rows, said
    assert "1 members would have other points" in said
    found = [json.loads(line) for line in gzip.decompress(awards.read_bytes()).splitlines()]
    assert [(one["type"], one["data"]["rule_id"], one["data"]["points"]) for one in found] == [
        ("points.earned.v1", "b", 5)
    ] * 2
    assert [one["cause"] for one in found] == [one["position"] for one in found]
    assert [json.loads(line) for line in members.read_text().splitlines()] == [
        {"name": "m1", "recorded": 6, "simulated": 10}
    ]
