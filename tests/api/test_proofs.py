"""What proves the log comes over HTTP as the specification of tlog-tiles says."""

from base64 import b64decode
from collections.abc import Iterator

import pytest

from store.ledger import Ledger
from store.log_keys import LogKeys
from store.merkle import is_consistent, leaf_hash, root_of_inclusion
from store.notes import opened
from tests.api.conftest import LEDGER, Caller, House

KEYS = LogKeys([b"a key".ljust(32)])
PARTIAL = 37


def total(name: str) -> dict[str, object]:
    """A small observation."""
    return {
        "specversion": "1.0",
        "id": f"p-{name}",
        "source": "/till",
        "type": "control_total.reported.v1",
        "time": "2026-03-01T12:00:00Z",
        "data": {"feed": "till", "business_date": "2026-03-01", "count": 1},
    }


@pytest.fixture(scope="module")
def sealed(house: House) -> Iterator[Ledger]:
    """A ledger of 256 + 37 sealed entries."""
    ledger = house.database.open(LEDGER)
    caller = Caller(house)
    while (have := ledger.log.head().position) < 256 + PARTIAL:
        missing = range(have, min(256 + PARTIAL, have + 100))
        events = [total(str(number)) for number in missing]
        sent = caller.post(
            "/events", events, headers={"Content-Type": "application/cloudevents-batch+json"}
        )
        assert sent.status_code == 200, sent.text
    ledger.tree.grow(KEYS)
    yield ledger
    ledger.close()


def test_the_checkpoint_is_signed(house: House, sealed: Ledger) -> None:
    """The note verifies, and an older one can be had by its size."""
    caller = Caller(house)
    answer = caller.get("/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    checkpoint, _ = opened(answer.text, sealed.tree.verifiers())
    assert checkpoint.size == sealed.log.head().position
    again = caller.get("/log/checkpoint", size=checkpoint.size)
    assert again.text == answer.text
    assert caller.get("/log/checkpoint", size=10**6).status_code == 404
    assert [str(one) for one in sealed.tree.verifiers()] == caller.get("/log/keys").json()["keys"]


def test_tiles_and_entries_lead_to_the_root(house: House, sealed: Ledger) -> None:
    """A client that only knows the specification finds the entries behind the hashes."""
    caller = Caller(house)
    whole, partial = caller.get("/log/tile/0/000"), caller.get(f"/log/tile/0/001.p/{PARTIAL}")
    assert "immutable" in whole.headers["cache-control"]
    assert (len(whole.content), len(partial.content)) == (256 * 32, PARTIAL * 32)
    bundles = caller.get("/log/tile/entries/000").content
    bundles += caller.get(f"/log/tile/entries/001.p/{PARTIAL}").content
    hashes = whole.content + partial.content
    for at in range(0, len(hashes), 32):
        length = int.from_bytes(bundles[:2], "big")
        assert leaf_hash(bundles[2 : 2 + length]) == hashes[at : at + 32]
        bundles = bundles[2 + length :]
    assert bundles == b""
    assert len(caller.get("/log/tile/1/000.p/1").content) == 32
    assert sealed.tree.tile(1, 0, 1) == caller.get("/log/tile/1/000.p/1").content


@pytest.mark.parametrize(
    "place",
    ["0/001", "0/001.p/200", "0/001.p/256", "0/001.p/0", "0/1", "0/x001/000", "5/000", "0/002.p/1",
     "entries/001", "entries/x000", "entries/000.p/", "1/000.p/2"],
)  # fmt: skip
def test_what_is_not_there_is_404(house: House, sealed: Ledger, place: str) -> None:
    """Too wide, beyond the end, or written in another way: a problem that says so."""
    answer = Caller(house).get(f"/log/tile/{place}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert sealed.tree.signed_size()


def test_a_receipt_proves_its_event(house: House, sealed: Ledger) -> None:
    """The proof leads from the entry to the signed root."""
    caller = Caller(house)
    text = caller.get("/log/receipts/200").text
    head, _, note = text.partition("\n\n")
    form, index, *hashes = head.split("\n")
    assert (form, index) == ("c2sp.org/tlog-proof@v1", "index 199")
    checkpoint, _ = opened(note, sealed.tree.verifiers())
    recorded = sealed.log.entry(200)
    assert recorded is not None
    proof = [b64decode(one) for one in hashes]
    found = root_of_inclusion(199, checkpoint.size, leaf_hash(recorded.entry), proof)
    assert found == checkpoint.root
    assert caller.get("/log/receipts/100000").status_code == 404


def test_one_checkpoint_continues_another(house: House, sealed: Ledger) -> None:
    """The proof of consistency verifies; for what was never signed there is none."""
    caller = Caller(house)
    first, _ = opened(caller.get("/log/checkpoint").text, sealed.tree.verifiers())
    assert caller.post("/events", total("last")).status_code == 201
    sealed.tree.grow(KEYS)
    second, _ = opened(caller.get("/log/checkpoint").text, sealed.tree.verifiers())
    answer = caller.get("/log/consistency", earlier=first.size, later=second.size).json()
    proof = [b64decode(one) for one in answer["proof"]]
    assert is_consistent(first.size, first.root, second.size, second.root, proof)
    assert caller.get("/log/consistency", earlier=2, later=first.size).status_code == 404


def test_a_key_is_needed(house: House, sealed: Ledger) -> None:
    """To read or to audit; entries are a brand's business."""
    assert sealed.tree.signed_size()
    assert Caller(house, "audit").get("/log/checkpoint").status_code == 200
    assert Caller(house, "observe").get("/log/checkpoint").status_code == 403
    assert house.client.get(f"/v1/{LEDGER}/log/checkpoint").status_code == 401
