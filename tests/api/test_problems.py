"""Every refusal is an RFC 9457 problem, with a type that explains itself."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from api.problems import PROBLEM_JSON, STATUS, kinds, status_of
from domain.errors import FilrougeError, RuleError


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """What a refusal says, after a look at its form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_JSON
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert said["type"] == f"/problems/{code}"
    assert said["title"]
    assert said["detail"]
    assert said["instance"] == f"urn:filrouge:request:{answer.headers['x-request-id']}"
    return said


class TestForm:
    def test_unknown_address(self, house: Any) -> None:
        """An address that is nowhere is a problem like any other."""
        problem(house.client.get("/nowhere"), 404, "no-such-page")

    def test_method_not_allowed(self, house: Any, caller: Any) -> None:
        """A method that an address does not take is answered with those that it takes."""
        for method in ("PUT", "DELETE", "PATCH", "TRACE"):
            answer = house.client.request(method, "/v1/brand/campaigns", headers=caller.headers)
            problem(answer, 405, "method-not-allowed")
            assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}

    def test_body_too_large(self, caller: Any) -> None:
        """A body of ten megabytes is refused, whether it says its size or not."""
        large = b"[" + b" " * 10_000_000 + b"]"
        problem(caller.post("/events", content=large), 413, "body-too-large")

        def parts() -> Any:
            yield from (large[at : at + 65_536] for at in range(0, len(large), 65_536))

        problem(caller.post("/events", content=parts()), 413, "body-too-large")

    def test_invalid_json(self, caller: Any) -> None:
        """What is not JSON is malformed."""
        problem(caller.post("/members", content=b'{"country": '), 400, "malformed-body")

    def test_broken_utf8(self, caller: Any) -> None:
        """What is not UTF-8 is malformed, and the byte is named."""
        answer = caller.post("/members", content=b'{"country": "\xff\xfe"}')
        assert "byte 13" in problem(answer, 400, "malformed-body")["detail"]

    def test_wrong_media_type(self, caller: Any) -> None:
        """A media type that the address does not take is refused."""
        answer = caller.post("/members", content=b"a=b", headers={"Content-Type": "text/plain"})
        problem(answer, 415, "unsupported-media-type")

    def test_unknown_field(self, caller: Any) -> None:
        """An unknown field is refused and named."""
        said = problem(caller.post("/members", {"balance": 999}), 422, "invalid-body")
        assert said["errors"][0]["pointer"] == "/balance"

    def test_unknown_parameter(self, caller: Any) -> None:
        """A misspelt parameter is refused and named, not ignored."""
        said = problem(caller.get("/events", limt=5), 400, "malformed-request")
        assert said["errors"][0]["parameter"] == "limt"

    def test_repeated_parameter(self, caller: Any) -> None:
        """A parameter that can only be given once is refused when it comes twice."""
        said = problem(caller.get("/events", limit=["1", "2"]), 400, "malformed-request")
        assert said["errors"][0]["parameter"] == "limit"

    def test_missing_parameter(self, caller: Any) -> None:
        """A missing parameter is named."""
        said = problem(caller.get("/events/several"), 400, "malformed-request")
        assert said["errors"][0]["parameter"] == "position"

    def test_broken_rule(self, caller: Any) -> None:
        """A broken rule is a conflict, with the ids and amounts that it speaks of."""
        account = caller.post("/accounts", {"programme": "p", "points_currency": "c"}).json()
        account_id = account["events"][0]["event"]["data"]["account_id"]
        answer = caller.post(f"/accounts/{account_id}/redemptions", {"points": 5})
        assert problem(answer, 409, "not-enough-points")["context"]["asked"] == 5

    def test_surprise(
        self, house: Any, caller: Any, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        """What nobody foresaw is a problem too, and neither it nor the log repeats a value."""

        def fail(*_: Any) -> None:
            message = "secret value"
            raise ZeroDivisionError(message)

        monkeypatch.setattr("api.members.profiles.member", fail)
        answer = caller.get("/members/m_1")
        problem(answer, 500, "internal-error")
        assert "secret" not in answer.text
        logged = capsys.readouterr().out
        assert "ZeroDivisionError" in logged
        assert "secret" not in logged

    def test_database_away(self, house: Any, caller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """While the database cannot be reached, the answer says when to come back."""

        def fail(*_: Any) -> None:
            message = "secret value"
            raise psycopg.OperationalError(message)

        caller.get("/members/m_1")  # waits until there are projections to be read
        monkeypatch.setattr("api.members.profiles.member", fail)
        monkeypatch.setattr("store.log.Log.head", fail)
        monkeypatch.setattr("api.status.holder", fail)
        for answer in (caller.get("/members/m_1"), house.client.get("/ready")):
            problem(answer, 503, "server-busy")
            assert int(answer.headers["retry-after"]) >= 1
            assert "secret" not in answer.text


class TestDocumentation:
    def test_each_has_a_page(self, house: Any) -> None:
        """The type of every problem is an address, and its explanation stands there."""
        index = house.client.get("/problems").text
        for code, kind in kinds().items():
            assert f'href="/problems/{code}"' in index
            page = house.client.get(f"/problems/{code}")
            assert page.status_code == 200
            assert str(status_of(kind)) in page.text

    def test_unknown_problem(self, house: Any) -> None:
        """A problem that does not exist has no page."""
        problem(house.client.get("/problems/nope"), 404, "no-such-page")

    def test_each_says_what_to_do(self) -> None:
        """Every kind of problem has a docstring of its own, and a status that somebody chose."""
        for code, kind in kinds().items():
            assert kind.__doc__, code
            assert status_of(kind) in {400, 401, 403, 404, 405, 409, 413, 415, 422, 500, 503}

    def test_rules_are_conflicts(self) -> None:
        """A rule that is broken because of what the history says is a conflict, or not found."""
        rules = [kind for kind in kinds().values() if issubclass(kind, RuleError)]
        assert rules
        assert {status_of(kind) for kind in rules} <= {404, 409}

    def test_table_has_no_dead_rows(self) -> None:
        """Everything in the table of status codes can be answered."""
        known = {FilrougeError, RuleError, *kinds().values()}
        assert set(STATUS) <= known
