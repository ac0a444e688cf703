"""``filrouge draw``: held and checked from the command line, in a ledger and in an export."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from domain.disqualification import DisqualifyParticipation
from domain.forfeits import ForfeitPrize
from domain.ledger import LedgerOpened
from filrouge.cli import main
from tests.domain.crowd import played
from tests.domain.naive_draws import listed, numbered, root, winners
from tests.domain.raffle import CLOSES, DUE, ROUND, SIGNATURE, close, commit, draw, game, value
from tests.domain.scenario import Scenario
from tests.filrouge.conftest import Filrouge, Said

OPENED = LedgerOpened(ledger_id="l1", name="Brand", time_zone="Europe/Paris", currency="EUR")
PLAYERS = 11


def held(*steps: Callable[[Scenario], Any]) -> Scenario:
    """A ledger of the spring of 2026 in which a draw was held up to some step."""
    scenario = game(after=[OPENED])
    for n in range(PLAYERS):
        scenario.happens(played(f"p{n}", member_id=f"m{n}"))
    close(scenario)
    for step in steps:
        step(scenario)
    return scenario


def disqualify(scenario: Scenario) -> None:
    """Two of them turn out to be false."""
    for n in (1, 5):
        scenario.when(DisqualifyParticipation(participation_id=f"p{n}", reason="rules"))


def forfeit(scenario: Scenario) -> None:
    """The first winner wants no bike."""
    scenario.when(ForfeitPrize(draw_id="d1", place=1, reason="declined"))


WHOLE = (commit, disqualify, value, draw, forfeit)


def exported(scenario: Scenario, folder: Path) -> Path:
    """The log as ``filrouge export`` writes it."""
    lines = [
        one.entry.replace(b'"source":"/tests"', b'"source":"/commands"')
        if one.envelope.id.startswith("command-")
        else one.entry
        for one in scenario.log
    ]
    file = folder / "export.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    return file


def offline(*arguments: object, code: int = 0) -> Said:
    """Run ``filrouge`` where there is no database."""
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, f"{result.stdout}\n{result.stderr}"
    return Said(result.exit_code, result.stdout, result.stderr)


def results(said: Any) -> dict[str, str]:
    """What came out of each check."""
    return {one["name"]: one["result"] for one in said.json["checks"]}


HOLDS = {
    "steps": "holds", "rules": "holds", "closing": "holds", "list": "holds", "root": "holds",
    "commitment": "holds", "time of the value": "holds", "value": "holds",
    "source": "unchecked", "late changes": "note", "winners": "holds", "passed over": "holds",
    "reserves": "holds",
}  # fmt: skip


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rules document: an empty one, whose digest was published."""
    file = tmp_path / "rules.txt"
    file.touch()
    return file


def test_a_draw_is_checked_in_an_export(tmp_path: Path, rules: Path) -> None:
    """Without any database; what cannot be checked is said to be so."""
    file = exported(held(*WHOLE), tmp_path)
    said = offline("--json", "draw", "verify", "d1", "--export", file, "--rules", rules)
    assert results(said) == {**HOLDS, "seal": "unchecked"}
    without = offline("--json", "draw", "verify", "d1", "--export", file)
    assert results(without)["rules"] == "unchecked"
    lines = offline("draw", "entries", "d1", "--export", file).out.splitlines()
    assert lines == [f"participation:p{n} m{n} 1" for n in range(PLAYERS)]
    text = offline("draw", "verify", "d1", "--export", file).out
    assert "What was checked holds." in text
    assert f"/public/{ROUND}" in text


def test_a_draw_is_held_in_a_ledger_and_checked_there(
    filrouge: Filrouge, tmp_path: Path, rules: Path
) -> None:
    """From a commitment whose time has come to the winners, whom other code computes too."""
    filrouge("restore", exported(held(commit, disqualify), tmp_path))
    refused = filrouge("--json", "draw", "winners", "d1", code=1)
    assert "value-missing" in str(refused.error)
    filrouge("log", "checkpoint")
    early = results(filrouge("--json", "draw", "verify", "d1"))
    assert (early["root"], early["seal"]) == ("holds", "note")  # it is signed years later
    assert "committed" in filrouge("draw", "show", "d1").out
    filrouge("draw", "value", "d1", "--signature", SIGNATURE)
    places = filrouge("--json", "draw", "winners", "d1").json["places"]
    said = filrouge("--json", "draw", "verify", "d1", "--rules", rules)
    assert results(said) == {**HOLDS, "seal": "note"}
    export = tmp_path / "after.ndjson"
    filrouge("export", export)
    log = numbered(export.read_bytes().splitlines())
    placed, passed = winners(log, "d1")
    assert [(one["place"], one["entry"], one["member_id"]) for one in places] == placed
    assert set(passed) <= {"participation:p1", "participation:p5"}
    assert results(
        filrouge("--json", "draw", "verify", "d1", "--export", export, "--rules", rules)
    ) == {**HOLDS, "seal": "unchecked"}
    shown = filrouge("--json", "draw", "show", "d1").json
    assert [one["state"] for one in shown["places"]] == ["won"] * 3 + ["reserve"] * 2
    filrouge("draw", "notify", "d1", 2, "--claim-until", "2100-01-01T00:00:00Z")
    filrouge("draw", "claim", "d1", 2)
    passed_on = filrouge("--json", "draw", "forfeit", "d1", 1, "--reason", "declined").json
    assert passed_on["passed_on_to"] == [4]
    filrouge("draw", "forfeit", "d1", 2, "--reason", "declined", code=1)
    assert results(filrouge("--json", "draw", "verify", "d1"))["reserves"] == "holds"
    states = [one["state"] for one in filrouge("--json", "draw", "show", "d1").json["places"]]
    assert states == ["forfeited", "claimed", "won", "won", "reserve"]
    committed = next(e["data"] for _, e in log if e["type"] == "draw.committed.v1")
    opened = next(e["data"] for _, e in log if e["type"] == "draw.opened.v1")
    assert committed["root"] == root(listed(log, opened, committed["closed_position"]))


def test_it_is_committed_from_the_command_line(filrouge: Filrouge, tmp_path: Path) -> None:
    """To a round to come; a draw that nobody opened is not there."""
    filrouge("restore", exported(held(), tmp_path))
    filrouge("draw", "commit", "d1", code=2)
    filrouge("draw", "commit", "d1", "--at", CLOSES.isoformat(), code=1)  # it was years ago
    said = filrouge("--json", "draw", "commit", "d1", "--at", "2030-01-01T00:00:00Z").json
    assert (said["entries"], said["due"]) == (PLAYERS, "2030-01-01T00:00:00Z")
    assert results(filrouge("--json", "draw", "verify", "d1"))["seal"] == "note"
    filrouge("log", "checkpoint")
    assert results(filrouge("--json", "draw", "verify", "d1"))["seal"] == "holds"
    filrouge("draw", "value", "d1", "--signature", SIGNATURE, code=1)  # it is not due
    filrouge("draw", "close", "d1", code=1)
    for command in ("verify", "show", "entries"):
        filrouge("draw", command, "d2", code=4)


@pytest.mark.parametrize(
    "kind, change, wrong",
    [
        ("participation.recorded", {"member_id": "m99"}, {"root", "winners"}),
        ("participation.recorded", {"activation_id": "n9"}, {"list", "root", "winners"}),
        ("draw.committed", {"root": "00" * 32}, {"root"}),
        (
            "draw.committed",
            {"due": (DUE + timedelta(seconds=1)).isoformat()},
            {"time of the value"},
        ),
        ("draw.value_recorded", {"randomness": "00" * 32}, {"value", "winners", "passed over"}),
        ("draw.placed", {"member_id": "m99"}, {"winners"}),
        ("draw.prize_passed_on", {"place": 5}, {"reserves"}),
        ("draw.opened", {"closes": (CLOSES + timedelta(hours=1)).isoformat()}, {"closing"}),
        ("participation.disqualified", {"participation_id": "p99"}, {"winners", "passed over"}),
    ],
)
def test_what_was_changed_is_found(
    tmp_path: Path, kind: str, change: dict[str, Any], wrong: set[str]
) -> None:
    """By the check that it belongs to."""
    file = exported(held(*WHOLE), tmp_path)
    entries = [json.loads(line) for line in file.read_bytes().splitlines()]
    first = next(e for e in entries if e["type"] == f"{kind}.v1")
    first["data"].update(change)
    file.write_text("".join(json.dumps(e, separators=(",", ":")) + "\n" for e in entries))
    said = offline("--json", "draw", "verify", "d1", "--export", file, code=1)
    found = {name for name, result in results(said).items() if result == "wrong"}
    assert found
    assert found <= wrong


def test_a_step_that_was_taken_twice_is_found(tmp_path: Path) -> None:
    """A second commitment would be a second choice."""
    file = exported(held(*WHOLE), tmp_path)
    lines = file.read_bytes().splitlines()
    [again] = [line for line in lines if b"draw.committed.v1" in line]
    file.write_bytes(b"\n".join([*lines, again.replace(b"command-", b"again-")]) + b"\n")
    said = offline("--json", "draw", "verify", "d1", "--export", file, code=1)
    assert results(said)["steps"] == "wrong"
