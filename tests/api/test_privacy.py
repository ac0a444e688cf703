"""Erasing over HTTP: ordered, carried out, and certified; holds and restrictions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Caller
from tests.api.test_personal_data import profile
from tests.api.test_positions import made


@pytest.fixture
def member_id(caller: Any) -> str:
    """A member with an address and an attribute."""
    member_id = made(caller, "/members", {"country": "FR"}, "member_id")
    identity = {"kind": "email", "value": f"{member_id}@example.org", "exclusive": True}
    assert caller.post(f"/members/{member_id}/identities", identity).status_code == 201
    event = profile(f"profile-{member_id}", member_id, "Aurelie")
    assert caller.post("/events", event).status_code == 201
    return member_id


def test_erased_is_erased_at_once(house: Any, caller: Any, member_id: str) -> None:
    """The answer comes when it is done; the profile says when, and holds nothing personal."""
    email = {"kind": "email", "value": f"{member_id}@example.org"}
    assert caller.post("/members/lookup", email).status_code == 200
    answer = caller.post(f"/members/{member_id}/erasure", {"reason": "requested"})
    assert answer.status_code == 201, answer.text
    position = answer.headers["ledger-position"]
    after = caller.post("/members/lookup", email, params={"min_position": position})
    assert after.status_code == 404
    found = caller.get(f"/members/{member_id}", min_position=position).json()
    assert found["erased_at"]
    assert found["identities"] == []
    assert found["attributes"] == {}
    history = caller.get(f"/members/{member_id}/history", min_position=position)
    assert "Aurelie" not in history.text
    again = caller.post(f"/members/{member_id}/erasure", {})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-erased")
    nobody = caller.post("/members/m_nobody/erasure", {})
    assert (nobody.status_code, nobody.json()["type"]) == (404, "/problems/nobody-to-erase")
    weak = Caller(house, "command", "observe", "read", "personal")
    assert weak.post(f"/members/{member_id}/erasure", {}).status_code == 403


def test_a_hold_stands_in_the_way(caller: Any, member_id: str) -> None:
    """Until it is lifted."""
    hold = {"hold_id": "case-7", "reason": "a claim"}
    assert caller.post(f"/members/{member_id}/holds", hold).status_code == 201
    refused = caller.post(f"/members/{member_id}/erasure", {})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/under-legal-hold")
    lifted = caller.post(f"/members/{member_id}/holds/case-7/lifting", {"reason": "settled"})
    assert lifted.status_code == 201
    assert caller.post(f"/members/{member_id}/erasure", {}).status_code == 201


def test_restricted_data_is_kept_and_not_used(house: Any, caller: Any, member_id: str) -> None:
    """Only whoever answers for it opens it; it is as before when the restriction ends."""
    reader = Caller(house, "read", "personal")
    assert "Aurelie" in reader.get(f"/members/{member_id}/history").text
    assert caller.post(f"/members/{member_id}/restriction", {"reason": "contested"}).is_success
    position = caller.post(f"/members/{member_id}/restriction", {"reason": "x"})
    assert position.json()["type"] == "/problems/already-restricted"
    closed = reader.get(f"/members/{member_id}/history")
    assert "Aurelie" not in closed.text
    assert "sealed|" in closed.text
    assert "Aurelie" in caller.get(f"/members/{member_id}/history").text
    late = profile(f"late-{member_id}", member_id, "Aurelie again")
    assert caller.post("/events", late).is_success
    assert caller.post(f"/members/{member_id}/restriction/lifting", {"reason": "over"}).is_success
    assert "Aurelie again" in reader.get(f"/members/{member_id}/history").text


def test_an_own_copy_opens_only_what_is_ones_own(house: Any, caller: Any, member_id: str) -> None:
    """Everything about the member, and nobody else's address; readable, and as CloudEvents."""
    referral = {
        "specversion": "1.0", "id": f"friend-{member_id}", "source": "/app",
        "type": "referral.made.v1", "time": "2026-01-01T00:00:00Z",
        "data": {"referral_id": f"r-{member_id}", "advocate_id": member_id, "programme": "friends",
                 "prospect": f"friend-of-{member_id}@example.org"},
    }  # fmt: skip
    granted = {
        "specversion": "1.0", "id": f"consent-{member_id}", "source": "/app",
        "type": "consent.granted.v1", "time": "2026-01-01T00:00:00Z",
        "data": {"member_id": member_id, "purpose": "marketing", "wording_version": "v3",
                 "evidence": "form-77"},
    }  # fmt: skip
    for event in (referral, granted):
        answer = caller.post("/events", event)
        assert answer.is_success, answer.text
    position = answer.headers["ledger-position"]
    copy = caller.get(f"/members/{member_id}/copy", min_position=position)
    assert copy.status_code == 200, copy.text
    said = copy.json()
    assert said["complete"]
    assert [one["event"]["type"] for one in said["events"]] == [
        "member.enrolled.v1", "member.identified.v1", "profile.updated.v1", "referral.made.v1",
        "consent.granted.v1",
    ]  # fmt: skip
    assert said["events"][1]["meaning"].startswith("A member is recognised by an identity")
    assert said["consents"]["allowed"][0]["evidence"] == "form-77"
    lines = caller.get(f"/members/{member_id}/copy/events")
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    assert len(lines.text.splitlines()) == 5
    for text in (copy.text, lines.text):
        assert f"{member_id}@example.org" in text.replace(f"friend-of-{member_id}@", "")
        assert f"friend-of-{member_id}@example.org" not in text
        assert "Aurelie" in text
    assert Caller(house, "read").get(f"/members/{member_id}/copy").status_code == 403
    assert caller.get("/members/m_nobody/copy").status_code == 404
    assert caller.get("/members/m_nobody/copy/events").status_code == 404
    consents = caller.get(f"/members/{member_id}/consents", at="2025-01-01T00:00:00Z").json()
    assert (consents["allowed"], consents["history"]) == ([], [])


def test_reads_of_personal_data_are_recorded_before_they_are_answered(
    house: Any, caller: Any, member_id: str
) -> None:
    """Who, by which operation, of whom; a read without the scope opens nothing and is not there."""
    blind, reader = Caller(house, "read"), Caller(house, "read", "personal")
    assert blind.get(f"/members/{member_id}/history").is_success
    assert reader.get(f"/members/{member_id}/history").is_success
    assert reader.get("/events/stream", tag=f"member:{member_id}").is_success
    found = caller.get("/accesses", subject=f"member:{member_id}").json()["reads"]
    mine = [one for one in found if one["operation"] != "list_accesses"]
    assert [one["operation"] for one in mine][:2] == ["stream_events", "read_history"]
    assert mine[0]["actor"] == mine[1]["actor"]
    assert mine[0]["subjects"] == [f"member:{member_id}"]
    again = caller.get("/accesses", limit=1).json()
    assert again["reads"][0]["operation"] == "list_accesses"
    assert caller.get("/accesses", limit=1, cursor=again["next"]).is_success
    assert reader.get("/accesses").status_code == 403


def test_questions_of_auditors(caller: Any, member_id: str) -> None:
    """What was sent without consent, what falls due, what has not arrived."""
    sent = {
        "specversion": "1.0", "id": f"sent-{member_id}", "source": "/mail",
        "type": "invitation.sent.v1", "time": "2026-01-01T00:00:00Z",
        "data": {"invitation_id": f"i-{member_id}", "member_id": member_id, "purpose": "marketing"},
    }  # fmt: skip
    assert caller.post("/events", sent).is_success
    body = {"purpose_id": f"p-{member_id}", "status": "member", "days": 0, "justification": "law"}
    declared = caller.post("/retention/periods", body)
    position = declared.headers["ledger-position"]
    again = caller.post("/retention/periods", body)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/period-unchanged")
    missing = caller.get("/consents/missing", min_position=position).json()["members"]
    assert f"i-{member_id}" in str(missing)
    due = caller.get(
        "/retention/due", status="member", at="2150-01-01T00:00:00Z", min_position=position, limit=1
    ).json()
    assert due["periods"][f"p-{member_id}"] == 0
    assert caller.get(
        "/retention/due", status="member", at="2150-01-01T00:00:00Z", cursor=due["next"]
    ).is_success
    arrived = caller.get("/completeness", first="2026-01-01", days=31)
    assert "days" in arrived.json()
    assert caller.get("/completeness", first="2026-01-01", days=32).status_code == 400
    assert caller.get("/completeness", first="2026-02-30").status_code == 400
