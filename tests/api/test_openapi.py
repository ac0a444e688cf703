"""The OpenAPI document is complete and true: a fuzzer that reads it finds nothing undocumented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.app import openapi_document
from api.problems import PROBLEM_JSON, kinds
from domain.decision import commands
from domain.event import Observation, event_classes

LONG = "FILROUGE_TEST_LONG_FUZZING"
SECONDS_MAX = 1_500
SHARED_MAX = 3
"""Operations at which the edges of what many share are tried, where not everything is."""


@pytest.fixture(scope="module")
def known_ids(caller: Any) -> dict[str, str]:
    """Ids that are there, so that requests get further than to a refusal of an unknown id."""

    def made(path: str, body: dict[str, Any], name: str) -> str:
        answer = caller.post(path, body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["events"][0]["event"]["data"][name])

    member_id = made("/members", {"country": "FR"}, "member_id")
    plan = {"name": "Summer", "starts": "2026-06-01T00:00:00+02:00", "currency": "EUR"}
    campaign_id = made("/campaigns", plan, "campaign_id")
    account = {"programme": "club", "points_currency": "points", "holders": [member_id]}
    account_id = made("/accounts", account, "account_id")
    made(f"/accounts/{account_id}/awards", {"points": 10**9, "reason": "welcome"}, "lot_id")
    activation_id = made(f"/campaigns/{campaign_id}/activations", {"kind": "quiz"}, "activation_id")
    terms = {"name": "Mug", "kind": "gift"}
    item_id = made("/items", {"terms": terms}, "item_id")
    return {
        "item_id": item_id,
        "member_id": member_id,
        "campaign_id": campaign_id,
        "account_id": account_id,
        "activation_id": activation_id,
    }


def fuzz(
    server: str, key: str, folder: Path, ids: dict[str, str], *options: str, said: Any = None
) -> None:
    """Run schemathesis as anybody would, with every check that it has.

    It reads the document that the server gives, unless another one is ``said``.
    """
    place = [f"{server}/openapi.json"]
    if said is not None:
        document = folder / "openapi.json"
        document.write_text(json.dumps(said))
        place = [str(document), "--url", server]
    settings = folder / "schemathesis.toml"
    lines = [f'"path.{name}" = "{value}"' for name, value in {"ledger": "brand", **ids}.items()]
    # Who asks for a position that is yet to come waits, and is told to come back: a 503 that is
    # documented, and no fault.
    expected = '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", "503"]'
    # One of the methods that an address has not: the same code answers all of them, for all.
    methods = '[phases.coverage]\nunexpected-methods = ["PUT"]'
    settings.write_text("\n".join(["[parameters]", *lines, expected, methods, ""]))
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("--config-file", str(settings), "run", *place),
            *("--header", f"Authorization: {key}", "--no-color", "--seed", "1"),
            *("--request-timeout", "60", *options),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
        cwd=folder,
    )
    assert done.returncode == 0, "\n".join(line[:400] for line in done.stdout.splitlines())


def without_repetition(document: Any) -> Any:
    """The document, where what many operations share is said by the first of them only.

    That is a parameter or a field of a body that may be left out, of one name and one schema: the
    same few lines of ours read it wherever it is given. A ledger is named as itself.
    """
    seen: Counter[str] = Counter()

    def is_repeated(name: str, schema: Any) -> bool:
        what = json.dumps([name, schema], sort_keys=True)
        seen[what] += 1
        return seen[what] > SHARED_MAX

    for operation in (one for path in document["paths"].values() for one in path.values()):
        operation["parameters"] = [
            one
            for one in operation.get("parameters", ())
            if one["name"] != "ledger"
            and (one.get("required") or not is_repeated(one["name"], one["schema"]))
        ]
        for schema in bodies_of(operation, document):
            for name, one in list(schema["properties"].items()):
                if name not in schema.get("required", ()) and is_repeated(name, one):
                    del schema["properties"][name]
    document["paths"] = {
        path.replace("{ledger}", "brand"): one for path, one in document["paths"].items()
    }
    return document


def bodies_of(operation: Any, document: Any) -> Iterator[Any]:
    """The objects that an operation takes."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if "properties" in schema:
            yield schema


class TestDocument:
    def test_every_operation_says_everything(self) -> None:
        """Each operation has an id, a summary, a tag, its scope, and its problems with examples."""
        document = openapi_document()
        found = [
            operation
            for path in document["paths"].values()
            for method, operation in path.items()
            if method in {"get", "post"}
        ]
        ids = [operation["operationId"] for operation in found]
        assert len(set(ids)) == len(ids) > 40
        tags = {tag["name"] for tag in document["tags"]}
        for operation in found:
            assert operation["summary"]
            assert set(operation["tags"]) <= tags
            assert operation["security"] in ([], [{"key": []}])
            refusals = {
                status: answer
                for status, answer in operation["responses"].items()
                if int(status) >= 400
            }
            wanted = {"500"} | ({"401", "403", "404"} if operation["security"] else set())
            assert wanted <= set(refusals), operation["operationId"]
            for status, answer in refusals.items():
                assert set(answer["content"]) == {PROBLEM_JSON}
                for code, example in answer["content"][PROBLEM_JSON]["examples"].items():
                    assert code in kinds()
                    assert str(example["value"]["status"]) == status

    def test_positions_are_documented(self) -> None:
        """Every keyed read and write says that its answer carries the position.

        What proves the log reflects a checkpoint instead, and says its size itself.
        """
        for path, methods in openapi_document()["paths"].items():
            for operation in methods.values():
                if operation["security"] and operation["tags"] != ["proof"]:
                    for status, answer in operation["responses"].items():
                        if int(status) < 400:
                            assert "Ledger-Position" in answer["headers"], (path, status)

    def test_every_command_and_observation(self) -> None:
        """Every command has its address, and every observation its schema.

        But for two that an operator gives: a ledger is opened where it is made, and a game where
        its secret seed is.
        """
        document = openapi_document()
        ids = {
            operation["operationId"].replace("_", "")
            for path in document["paths"].values()
            for operation in path.values()
        }
        assert {name.lower() for name in commands()} - ids == {"openledger", "opengame"}
        reported = document["paths"]["/v1/{ledger}/events"]["post"]["requestBody"]["content"]
        options = reported["application/cloudevents+json"]["schema"]["oneOf"]
        types = {
            document["components"]["schemas"][option["$ref"].rpartition("/")[2]]["properties"][
                "type"
            ]["const"]
            for option in options
        }
        assert types == {
            name for name, cls in event_classes().items() if issubclass(cls, Observation)
        }


class TestFuzzing:
    def test_every_edge_of_every_schema(self, house: Any, server: str, tmp_path: Path) -> None:
        """Every documented limit is kept, and everything beyond it is refused as documented.

        What many operations share is tried at the first of them, and at each in the long run.
        """
        key = house.key()["Authorization"]
        document = without_repetition(house.client.get("/openapi.json").json())
        # The many kinds of events, and whatever takes any rule, take minutes, and amendments take
        # the terms of what they amend once more; they have their turn in the long run.
        left = ("record_events", "preview_awards", "publish_rule", "amend_rule", "simulate_rules",
                "amend_item", "amend_programme")  # fmt: skip
        fuzz(server, key, tmp_path, {}, "--phases", "examples,coverage",
             *(word for name in left for word in ("--exclude-operation-id", name)),
             said=document)  # fmt: skip

    def test_commands_on_what_is_there(
        self, house: Any, server: str, tmp_path: Path, known_ids: dict[str, str]
    ) -> None:
        """Asked of members, accounts and campaigns that exist, every answer is documented."""
        key = house.key()["Authorization"]
        fuzz(server, key, tmp_path, known_ids, "--phases", "fuzzing,stateful",
             "--max-examples", "3")  # fmt: skip

    @pytest.mark.slow
    @pytest.mark.timeout(2 * SECONDS_MAX)
    @pytest.mark.skipif(LONG not in os.environ, reason=f"takes ten minutes; set {LONG}=1")
    def test_everything_for_long(
        self, house: Any, server: str, tmp_path: Path, known_ids: dict[str, str]
    ) -> None:
        """The same, for long."""
        key = house.key()["Authorization"]
        fuzz(server, key, tmp_path, {}, "--max-examples", "60")
        fuzz(server, key, tmp_path, known_ids, "--max-examples", "60")
