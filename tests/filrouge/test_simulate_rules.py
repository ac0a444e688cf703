"""``filrouge simulate-rules``: the difference as text and JSON, and errors that say what to do."""

from pathlib import Path

from tests.filrouge.conftest import Filrouge

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
