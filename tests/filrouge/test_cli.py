"""The command line: options, results and errors for people and for scripts, exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from filrouge.cli import COMMANDS, EXIT_CODES, main
from filrouge.failures import Exit
from tests.filrouge.conftest import Filrouge


def test_a_ledger_is_made_once(filrouge: Filrouge, environment: dict[str, str]) -> None:
    """Its id and its key file are made with it; the key file is for its owner only."""
    made = filrouge(
        "init", "--name", "Maison", "--time-zone", "Europe/Paris", "--currency", "CHF", "--json"
    ).json
    assert made["made"] is True
    assert re.fullmatch(r"l_[a-z2-7]{24}", made["ledger_id"])
    assert (made["name"], made["time_zone"], made["currency"]) == ("Maison", "Europe/Paris", "CHF")
    key_file = Path(environment["FILROUGE_KEY_FILE"])
    assert made["key_file"] == str(key_file)
    assert key_file.stat().st_mode & 0o077 == 0
    assert filrouge("init", "--json", code=1).error["error"] == "ledger-exists"
    again = filrouge("init", "--if-missing", "--json").json
    assert (again["made"], again["ledger_id"]) == (False, made["ledger_id"])


@pytest.mark.parametrize(
    "options", [["--time-zone", "Mars/Olympus"], ["--currency", "euro"], ["--name", "x" * 201]]
)
def test_a_ledger_that_could_not_be_opened_is_not_made(
    filrouge: Filrouge, options: list[str]
) -> None:
    """Nothing is left behind."""
    filrouge("init", *options, code=1)
    assert filrouge("status", "--all", "--json").json == []


def test_options_stand_before_or_after_the_command(filrouge: Filrouge) -> None:
    """--ledger and --json belong to every command."""
    filrouge("--ledger", "one", "init")
    filrouge("init", "--ledger", "two")
    assert filrouge("--json", "--ledger", "one", "status").json["ledger"] == "one"
    assert filrouge("status", "--ledger", "two", "--json").json["ledger"] == "two"
    assert [one["ledger"] for one in filrouge("status", "--all", "--json").json] == ["one", "two"]
    assert filrouge("keys", "list", "--json", "--ledger", "one").json == []


def test_status_of_an_empty_ledger(filrouge: Filrouge) -> None:
    """The head, the one event, nothing else; projections are behind."""
    filrouge("init")
    said = filrouge("status", "--json").json
    assert said["head"]["position"] == 1
    assert said["events"] == {"ledger.opened.v1": 1}
    assert (said["points"], said["money"], said["voided"]) == ({}, {}, 0)
    assert {one["name"] for one in said["projections"]} >= {"balances", "profiles", "statements"}
    assert "events" not in filrouge("status", "--json", "--no-figures").json
    assert "position 1" in filrouge("status").out


def test_an_unknown_ledger_has_its_own_code(filrouge: Filrouge) -> None:
    """And the error says how to make one."""
    said = filrouge("status", "--ledger", "nobody", "--json", code=4)
    assert said.out == ""
    assert said.error["exit_code"] == 4
    assert said.error["error"] == "ledger-unknown"
    assert "filrouge --ledger nobody init" in said.error["remedy"]
    plain = filrouge("status", "--ledger", "nobody", code=4)
    assert plain.err.startswith("Error: There is no ledger 'nobody'\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"], ["status", "--nothing"], ["void", "--reason", "x"],
        ["--ledger", "No!", "status"],
        ["void", "1", "--batch", "x", "--reason", "x"], ["restore"], ["import"],
        ["import", "nowhere.csv"], ["keys", "create", "x"], ["serve", "--port", "70000"],
        ["keys", "create", "x", "--scope", "everything"], ["export", "--with-epoch-keys"],
        ["import", __file__, "--batch", "a b"],
    ],
)  # fmt: skip
def test_wrong_usage_is_2(filrouge: Filrouge, arguments: list[str]) -> None:
    """One line, and where to read on; as JSON with --json."""
    said = filrouge(*arguments, code=2)
    assert said.err.startswith("Error: ")
    assert "--help" in said.err
    assert filrouge("--json", *arguments, code=2).error["error"] == "usage"


def test_a_wrong_setting_is_2(filrouge: Filrouge, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable."""
    monkeypatch.setenv("FILROUGE_POOL_MAX", "many")
    said = filrouge("status", code=2)
    assert "FILROUGE_POOL_MAX" in said.err
    assert filrouge("status", "--json", code=2).error["error"] == "setting"


def test_a_database_that_does_not_answer_is_3(
    filrouge: Filrouge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the password of its address is not shown."""
    monkeypatch.setenv("FILROUGE_DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/none")
    said = filrouge("status", "--json", code=3)
    assert said.error["error"] == "database"
    assert "secret" not in said.err


def test_a_key_file_that_others_can_read_is_3(
    filrouge: Filrouge, environment: dict[str, str]
) -> None:
    """The remedy is part of the message."""
    filrouge("init")
    Path(environment["FILROUGE_KEY_FILE"]).chmod(0o644)
    assert "chmod 600" in filrouge("status", code=3).err


def test_an_event_is_voided(filrouge: Filrouge, tmp_path: Path) -> None:
    """What the ledger refuses is 1, and names the rule; what it decides is told."""
    filrouge("init")
    file = tmp_path / "events.ndjson"
    file.write_text(
        '{"specversion":"1.0","id":"p1","source":"/till","type":"purchase.recorded.v1",'
        '"time":"2026-01-01T00:00:00Z","data":{"purchase_id":"p1","currency":"EUR","net":500}}\n'
    )
    filrouge("import", file)
    assert filrouge("status", "--json").json["money"] == {"purchases": {"EUR": 500}}
    said = filrouge("void", "2", "--reason", "twice", "--json").json
    assert (said["position"], said["events"]) == (3, ["event.voided.v1"])
    status = filrouge("status", "--json").json
    assert (status["money"], status["voided"]) == ({}, 1)
    assert (
        filrouge("void", "2", "--reason", "x", "--json", code=1).error["error"] == "already-voided"
    )
    assert filrouge("void", "--batch", "none", "--reason", "x", code=4).err


def test_keys_are_made_listed_and_revoked(filrouge: Filrouge) -> None:
    """The secret is shown once, and only when the key is made."""
    filrouge("init")
    made = filrouge("keys", "create", "till of Lyon", "--scope", "observe", "--json").json
    assert made["ledgers"] == ["test"]
    both = filrouge(
        "keys", "create", "office", "--scope", "read", "--scope", "audit", "--for", "*", "--json"
    ).json
    assert both["scopes"] == ["audit", "read"]
    listed = filrouge("keys", "list")
    assert made["secret"] not in listed.out
    assert "till of Lyon" in listed.out
    filrouge("keys", "revoke", made["id"])
    states = {one["id"]: one["revoked_at"] for one in filrouge("keys", "list", "--json").json}
    assert states[made["id"]] is not None
    assert states[both["id"]] is None
    assert filrouge("keys", "revoke", "nokey", "--json", code=4).error["error"] == "api-key-unknown"


def test_migrations_can_be_looked_at_first(filrouge: Filrouge) -> None:
    """A dry run changes nothing; applied once, nothing is left to do."""
    would = filrouge("migrate", "--dry-run", "--json").json
    assert would["applied"]["filrouge"]
    assert filrouge("migrate", "--dry-run", "--json").json == would
    assert filrouge("migrate", "--json").json["applied"] == would["applied"]
    filrouge("init")
    assert filrouge("migrate", "--dry-run", "--json").json["applied"] == {}


def test_projections_are_rebuilt(filrouge: Filrouge) -> None:
    """All of them, or those that are named; another name is an error of its own."""
    filrouge("init")
    said = filrouge("rebuild", "--workers", "1", "--json").json
    assert all(one["failure"] is None for one in said["projections"])
    status = filrouge("status", "--json").json
    assert {one["lag_events"] for one in status["projections"]} == {0}
    one = filrouge("rebuild", "balances", "--workers", "1", "--json").json
    assert [projection["name"] for projection in one["projections"]] == ["balances"]
    assert filrouge("rebuild", "nothing", "--json", code=4).error["error"] == "projection-unknown"


def test_every_command_is_there_and_explains_itself(filrouge: Filrouge) -> None:
    """The first sentence of each says what it does, and every option has a help."""
    assert list(main.commands) == list(COMMANDS)
    for name, command in main.commands.items():
        assert command.help, name
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert all(option.help for option in options), name
    assert all(f"{int(code)} " in EXIT_CODES for code in Exit)
    assert EXIT_CODES.split(";")[0] in filrouge("--help").out.replace("\n  ", " ")


def test_help_imports_nothing_heavy() -> None:
    """Asking for help does not load the database driver or the web framework."""
    script = (
        "import sys; from filrouge.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sorted({'psycopg', 'litestar', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
