"""CloudEvents go in as they are: with their own id, source and time."""

import gzip
import json
from pathlib import Path
from typing import Any

from tests.filrouge.conftest import Filrouge


def cloud_event(**changes: Any) -> str:
    """A purchase as a CloudEvent, on a line."""
    event = {
        "specversion": "1.0", "id": "p1", "source": "/till/3", "type": "purchase.recorded.v1",
        "time": "2026-01-01T10:00:00+01:00",
        "data": {"purchase_id": "p1", "currency": "EUR", "net": 500},
    }  # fmt: skip
    return json.dumps({**event, **changes}) + "\n"


def test_cloudevents_need_no_mapping(filrouge: Filrouge, tmp_path: Path) -> None:
    """They keep id, source and time; what cannot be taken in is rejected with the reason."""
    file = tmp_path / "events.ndjson.gz"
    lines = [
        cloud_event(recordedat="2020-01-01T00:00:00Z", actor="somebody", batch="old"),
        cloud_event(id="p2", type="points.redeemed.v1", data={"account_id": "a"}),
        cloud_event(id="p3", type="nothing.known.v1"),
        cloud_event(id="p4", type="ledger.opened.v1"),
        cloud_event(id="p5", source="/commands"),
        cloud_event(id="p6", colour="red"),
        cloud_event(id="p7", time=None),
        cloud_event(id="p8", specversion="0.3"),
        cloud_event(id="someone@example.org"),
        cloud_event(id="p9", data={"purchase_id": "p9", "currency": "EUR", "net": 1e400}),
        cloud_event(id="p10", data={"purchase_id": "p10", "currency": "EUR", "net": 7}),
    ]
    file.write_bytes(gzip.compress("".join(lines).encode()))
    filrouge("init")
    said = filrouge("import", file, "--json", code=1).json
    assert said["recorded"] == {"purchase.recorded.v1": 2}
    assert said["files"][0]["rejected"] == 9
    first, second = [json.loads(line) for line in filrouge("export").out.splitlines()][1:]
    assert (first["id"], first["source"], first["batch"]) == ("p1", "/till/3", "events")
    assert (first["actor"], first["time"]) == ("cli", "2026-01-01T10:00:00+01:00")
    assert second["id"] == "p10"
    assert sum(filrouge("import", file, "--json", code=1).json["duplicates"].values()) == 2
