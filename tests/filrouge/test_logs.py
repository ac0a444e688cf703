"""Log lines: dotted nouns with values as keys, and nothing that is sealed or a document."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from filrouge.log_lines import written_together
from filrouge.logs import TEXT_LENGTH_MAX, configure_logs
from filrouge.settings import Settings


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_lines_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object on a line, on stderr, from our own loggers and from libraries."""
    configure_logs(Settings(log_format="json"))
    structlog.get_logger().info("projection.rebuilt", rows=3)
    logging.getLogger("uvicorn.error").warning("slow: %s", "x" * 3 * TEXT_LENGTH_MAX)
    logging.getLogger("psycopg").info("said quietly")
    out, err = capsys.readouterr()
    assert out == ""
    ours, theirs = map(json.loads, err.splitlines())
    assert (ours["event"], ours["rows"], ours["level"]) == ("projection.rebuilt", 3, "info")
    assert theirs["level"] == "warning"
    assert len(theirs["event"]) == TEXT_LENGTH_MAX + 1


def test_no_value_breaks_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a library hands over, the line is JSON and says it somehow."""
    configure_logs(Settings(log_format="json"))
    structlog.get_logger().info("file.found", path="a\udcff", kind=frozenset, number=float("inf"))
    line = json.loads(capsys.readouterr().err)
    assert line["path"] == "a\udcff"
    assert "frozenset" in line["kind"]


def test_sealed_texts_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """However they came there."""
    configure_logs(Settings())
    structlog.get_logger().warning("event.refused", value="sealed|a.b.v1|mail|member:m_1|abc")
    said = capsys.readouterr().err
    assert "event.refused" in said
    assert "member:m_1" not in said


@pytest.mark.parametrize("terminal", [True, False])
def test_people_sit_at_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    """Without a setting, whatever is no terminal gets lines for machines."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    configure_logs(Settings())
    structlog.get_logger().info("projection.rebuilt", rows=3)
    assert capsys.readouterr().err.startswith("{") is not terminal


def test_a_server_writes_its_lines_together(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, in their order, at the end at the latest; a warning takes the others along."""
    configure_logs(Settings(log_format="json"))
    log = structlog.get_logger()
    with written_together():
        for n in range(100):
            log.info("request.answered", n=n)
        log.warning("batch.failed", n=100)
        at_once = capsys.readouterr().err
        log.info("request.answered", n=101)
    log.info("server.stopped", n=102)
    lines = (at_once + capsys.readouterr().err).splitlines()
    assert len(at_once.splitlines()) >= 101
    assert [json.loads(line)["n"] for line in lines] == list(range(103))


def test_a_quiet_command_only_warns(capsys: pytest.CaptureFixture[str]) -> None:
    """Its result is what counts."""
    configure_logs(Settings(log_format="console"), quiet=True)
    structlog.get_logger().info("migration.applied")
    structlog.get_logger().warning("batch.failed")
    assert [line.split()[3] for line in capsys.readouterr().err.splitlines()] == ["batch.failed"]
