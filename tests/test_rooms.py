"""The rooms import one way, and the domain imports nothing that does I/O."""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("domain", "store", "projections", "api", "filrouge", "benchmarks")
LINES_MAX = 300

# What the domain may import beside the standard library: the pure parts of eventsourcing only.
PURE = {"domain", "msgspec", "eventsourcing.dcb.api", "eventsourcing.dcb.domain"}
PURE |= {"eventsourcing.domain"}
# CEL has no clock, no I/O and no randomness: the conditions of rules are part of what is decided.
PURE |= {"cel_expr_python.cel"}
# Checks a value against a schema; it is told to fetch nothing.
PURE |= {"jsonschema_rs"}

# Parts of the standard library that know the time, the dice or the outside.
IMPURE = {"asyncio", "multiprocessing", "os", "random", "secrets", "socket", "subprocess"}
IMPURE |= {"tempfile", "threading", "time", "urllib.request"}

SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
DOMAIN = [path for path in SOURCES if path.is_relative_to(ROOT / "domain")]


def imported(path: Path) -> Iterator[str]:
    """What a file names in its imports: modules, and the names that it takes from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0, f"{path}: imports say the room they come from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_part_of(module: str, wholes: set[str]) -> bool:
    """Whether `module` is one of `wholes`, or inside one."""
    return any(module == whole or module.startswith(f"{whole}.") for whole in wholes)


@pytest.mark.parametrize("path", DOMAIN, ids=lambda path: path.name)
def test_the_domain_imports_only_what_is_pure(path: Path) -> None:
    """No I/O, no clock, no randomness, and of eventsourcing only what decides."""
    for module in imported(path):
        standard = module.split(".")[0] in sys.stdlib_module_names
        assert (standard and not is_part_of(module, IMPURE)) or is_part_of(module, PURE), module


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_with_a_sentence_and_stays_short(path: Path) -> None:
    """Long is a sign that something has no room yet."""
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text)) or ""
    assert docstring.split("\n\n")[0].rstrip().endswith((".", "?")), path
    assert len(text.splitlines()) <= LINES_MAX, path


def test_nothing_is_named_after_having_no_name() -> None:
    """What has no room has no name yet."""
    assert not [p for p in SOURCES if p.stem in {"utils", "util", "common", "helpers", "misc"}]


@pytest.mark.parametrize("room", [*ROOMS, "migrations"])
def test_the_rooms_names_are_ours_alone(room: str) -> None:
    """No installed distribution brings a package of the same name."""
    assert set(packages_distributions().get(room, [])) <= {"filrouge"}
