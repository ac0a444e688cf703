"""What pages show is true: code compiles, commands exist, requests go to addresses that exist."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import yaml

from filrouge.cli import main
from filrouge.documentation.http import operations
from filrouge.documentation.settings import documented_settings

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs" / "reference"
PAGES = [
    path
    for path in sorted(
        [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    )
    if not path.is_relative_to(GENERATED)
]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL
)
LANGUAGES = {"csv", "ini", "json", "python", "sh", "sql", "text", "toml", "yaml"}
VARIABLE = re.compile(r"\bFILROUGE_[A-Z_]+\b")
INLINE = re.compile(r"`(filrouge [a-z-][^`>]+|make [a-z]+)`")


class Block(NamedTuple):
    """One block of code of a page."""

    page: Path
    line: int
    language: str
    code: str


def blocks() -> Iterator[Block]:
    """Every block of every page that is written by hand."""
    for page in PAGES:
        text = page.read_text()
        for found in FENCE.finditer(text):
            line = text[: found.start()].count("\n") + 1
            indent = len(found["indent"])
            code = "".join(one[indent:] for one in found["code"].splitlines(keepends=True))
            yield Block(page, line, found["language"], code)


def of(language: str) -> list[object]:
    """The blocks in one language, named by where they stand."""
    return [
        pytest.param(one, id=f"{one.page.relative_to(ROOT)}:{one.line}")
        for one in blocks()
        if one.language == language
    ]


def commands_in(code: str) -> Iterator[list[str]]:
    """The words of each command in a block of shell, continued lines joined."""
    joined = code.replace("\\\n", " ")
    # What stands inside $( ) is a command too.
    joined += "\n" + "\n".join(re.findall(r"\$\(([^()]*)\)", joined))
    for line in joined.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue  # the first line of a text that goes on
        for part in _split(words):
            command = list(dropwhile(lambda word: re.fullmatch(r"[A-Z_]+=.*", word), part))
            if command:
                yield command


def _split(words: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word in {"|", "&&", ";", "&", "<", ">"}:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def check_filrouge(words: list[str]) -> None:
    """Refuse a command, argument or option that the program would refuse."""
    command: click.Command = main
    context = click.Context(main, info_name="filrouge", resilient_parsing=True)
    rest = words[1:]
    known = {option for param in main.params for option in param.opts} | {"--help", "-h"}
    while rest:
        word = rest.pop(0)
        name, _, value = word.partition("=")
        if name.startswith("-") and name != "-":
            options = {option: param for param in command.params for option in param.opts}
            assert name in options or name in known, f"{' '.join(words)}: no option {name}"
            param = options.get(name)
            takes_a_value = name == "--ledger" or (
                param is not None and not getattr(param, "is_flag", False)
            )
            if takes_a_value and not value and rest:
                rest.pop(0)
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            assert found is not None, f"{' '.join(words)}: no command {word}"
            command = found


@pytest.mark.parametrize("block", of("python"))
def test_python_compiles(block: Block) -> None:
    """A block may be a part: of a class, or of the arguments of a call."""
    lines = block.code.splitlines()
    if lines[0].startswith('"') or lines[0].endswith(","):
        code = f"_({block.code})"
    elif lines[0].startswith(" "):
        code = f"class _:\n{block.code}"
    else:
        code = block.code
    compile(code, str(block.page), "exec")


@pytest.mark.parametrize("block", of("python"))
def test_code_that_an_explanation_quotes_stands_in_the_source(block: Block) -> None:
    """What explains how things are shows how they are now."""
    if block.page.parent.name == "explanation":
        rooms = ("domain", "store", "projections", "api", "filrouge")
        sources = (path for room in rooms for path in (ROOT / room).rglob("*.py"))
        assert any(block.code in path.read_text() for path in sources), block.line


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_parses(block: Block) -> None:
    """What Prometheus is given is a document with rules in it."""
    assert yaml.safe_load(block.code)["groups"]


@pytest.mark.parametrize("block", of("toml"))
def test_toml_parses(block: Block) -> None:
    """Mappings can be copied from a page."""
    tomllib.loads(block.code)


@pytest.mark.parametrize("block", of("sh"))
def test_shell_commands_exist(block: Block) -> None:
    """Commands and options of `filrouge`, targets of `make`, addresses of the API."""
    addresses = [
        (method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$"))
        for method, path, _ in operations()
    ]
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    targets += [f"{name}=" for name in re.findall(r"\$\(([A-Z]+)\)", makefile)]
    for words in commands_in(block.code):
        program = words[0].rpartition("/")[2]
        if program == "filrouge":
            check_filrouge(words)
        elif program == "make":
            # VARIABLE=value, or a target.
            named = {re.sub(r"(?<==).*", "", word) for word in words[1:]}
            assert named <= set(targets), words
        elif program in {"curl", "ask", "tell"}:
            posts = program == "tell" or "-d" in words
            for path in addresses_in(words):
                assert any(
                    method == ("POST" if posts else "GET") and address.match(path)
                    for method, address in addresses
                ), path


def addresses_in(words: list[str]) -> Iterator[str]:
    """The paths that a command asks; `ask` and `tell` are functions that the tutorial makes."""
    for word in words[1:]:
        if "/v1/" in word and not word.endswith("$1"):
            yield re.sub(r"^https?://[^/]+", "", word).partition("?")[0]
        elif words[0] in {"ask", "tell"} and word.startswith("/"):
            yield "/v1/demo" + word.partition("?")[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_and_commands_in_the_text_exist(page: Path) -> None:
    """A page never speaks of a setting or a command that is not there."""
    text = page.read_text()
    known = {one.variable for one in documented_settings()}
    for variable in VARIABLE.findall(text):
        assert variable in known or variable.startswith("FILROUGE_TEST_"), variable
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    targets += [f"{name}=" for name in re.findall(r"\$\(([A-Z]+)\)", makefile)]
    for command in INLINE.findall(text):
        words = shlex.split(command)
        if words[0] == "filrouge":
            check_filrouge(words)
        else:
            assert words[1] in targets, command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_its_language(page: Path) -> None:
    """A block without a language is checked by nobody."""
    for one in blocks():
        if one.page == page:
            assert one.language in LANGUAGES, one.line
