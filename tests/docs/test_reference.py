"""The generated reference is up to date, and nothing public is missing from it."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

import domain
from api.app import create_app
from domain.decision import commands, slices
from domain.errors import FilrougeError
from domain.event import event_classes
from filrouge.cli import main
from filrouge.documentation import pages
from filrouge.documentation.projecting import projections
from filrouge.documentation.sources import ROOMS, fields_of, modules
from filrouge.settings import Settings, variable_of
from projections.fold import Projection

REFERENCE = pages.FOLDER
ABSTRACT = {"FilrougeError", "RuleError", "RequestError", "Refused"}


def page(name: str) -> str:
    """The text of a page of the reference, as it is kept."""
    return (REFERENCE / name).read_text()


def headings(name: str) -> list[str]:
    """The titles of a page's sections."""
    return re.findall(r"^#+ (.+)$", page(name), re.MULTILINE)


def event_names() -> Iterator[str]:
    """Stored names as they stand in the source of the domain."""
    for path in Path(domain.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                for one in node.decorator_list:
                    if isinstance(one, ast.Call) and ast.unparse(one.func) == "event_type":
                        yield ast.literal_eval(one.args[0])


def declared_projections() -> Iterator[tuple[str, str]]:
    """Projections as they stand in the source: name of the module, name of the projection."""
    for module in modules("projections"):
        for value in vars(module).values():
            if isinstance(value, Projection):
                yield module.__name__, value.name


def own_errors() -> list[type[FilrougeError]]:
    """Every error class of the rooms that somebody can be answered."""
    modules(*ROOMS)
    found: set[type[FilrougeError]] = set()
    todo = [FilrougeError]
    while todo:
        cls = todo.pop()
        todo += cls.__subclasses__()
        if cls.__name__ not in ABSTRACT and cls.__module__.partition(".")[0] in ROOMS:
            found.add(cls)
    return sorted(found, key=lambda cls: cls.__name__)


def cli_commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that the program says it has, with its whole name."""
    context = click.Context(main, info_name="filrouge", resilient_parsing=True)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        yield f"filrouge {name}", command
        if isinstance(command, click.Group):
            yield from ((f"filrouge {name} {sub}", it) for sub, it in command.commands.items())


class TestUpToDate:
    @pytest.mark.parametrize("seed", ["1", "2"])
    def test_the_pages_are_those_that_the_code_makes_whatever_the_hash_seed(
        self, seed: str
    ) -> None:
        """Run `make docs` and commit what changed."""
        done = subprocess.run(
            [sys.executable, "-c", "from filrouge.cli import main; main()", "docs", "--check"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def test_a_page_that_differs_or_is_missing_or_is_left_over_is_named(
        self, tmp_path: Path
    ) -> None:
        """The check compares bytes, and knows which files there are."""
        assert "events.md" in pages.differing(tmp_path)
        pages.write(tmp_path)
        assert pages.differing(tmp_path) == []
        (tmp_path / "events.md").write_text("edited by hand")
        (tmp_path / "events" / "gone.v1.json").write_text("{}")
        assert pages.differing(tmp_path) == ["events.md", "events/gone.v1.json"]
        assert pages.write(tmp_path) == ["events.md", "events/gone.v1.json"]
        assert pages.differing(tmp_path) == []


class TestEvents:
    @pytest.mark.parametrize("name", sorted(event_names()))
    def test_every_event_has_a_section_and_a_schema(self, name: str) -> None:
        """Its class has a docstring of its own, which auditors read."""
        cls = event_classes()[name]
        assert (cls.__dict__.get("__doc__") or "").strip(), name
        assert name in headings("events.md")
        schema = msgspec.json.decode(page(f"events/{name}.json"))
        assert schema["title"] == name
        assert set(schema["$defs"][cls.__name__]["properties"]) == set(cls.__struct_fields__)

    def test_every_field_of_an_event_stands_in_its_section(self) -> None:
        """Also those that a class has from its base."""
        sections = re.split(r"^### ", page("events.md"), flags=re.MULTILINE)
        by_name = {section.partition("\n")[0]: section for section in sections}
        for name in event_names():
            for field in fields_of(event_classes()[name]):
                assert f"| `{field.name}` |" in by_name[name], (name, field.name)

    def test_what_is_personal_is_said(self) -> None:
        """A reader of the catalogue sees which fields are sealed, and whose they are."""
        section = page("events.md").partition("### member.identified.v1")[2].partition("\n### ")[0]
        assert "Personal: `value` (of `member_id`)" in section
        assert "observed" not in section.partition("|")[0].lower()


class TestCommands:
    def test_every_command_has_a_section_with_its_boundary(self) -> None:
        """Commands, the slices that decide them and the views they read all have docstrings."""
        titles = headings("commands.md")
        for name, cls in commands().items():
            if cls.__module__.startswith("domain."):
                assert cls.__dict__.get("__doc__"), name
                assert name in titles
                decider = slices()[cls]
                assert decider.__dict__.get("__doc__"), decider.__name__
                for view in decider.reads:
                    assert view.__dict__.get("__doc__"), view.__name__
                    assert view.__name__ in titles


class TestProjections:
    @pytest.mark.parametrize("module, name", list(declared_projections()))
    def test_every_projection_has_a_section_with_all_its_tables(
        self, module: str, name: str
    ) -> None:
        """Every field of a row is listed."""
        assert (sys.modules[module].__doc__ or "").strip()
        titles, text = headings("projections.md"), page("projections.md")
        assert name in titles
        for member in projections()[name].members:
            assert member.__dict__.get("__doc__"), member.__name__
            assert f"Table {member.table}" in titles
        for fold in projections()[name].folds:
            section = text.partition(f"### Table {fold.table}\n")[2].partition("\n### ")[0]
            for field in msgspec.structs.fields(fold.Row):  # type: ignore[arg-type]
                assert f"| `{field.name}` |" in section, (fold.table, field.name)


class TestHTTP:
    def test_every_address_has_a_section(self) -> None:
        """What the application routes is what the page describes, but for pages for people."""
        app = create_app(lambda _: pytest.fail("nothing is opened"), None)  # type: ignore[arg-type]
        titles = headings("http.md")
        for route in app.routes:
            for handler in getattr(route, "route_handlers", ()):
                if getattr(handler, "include_in_schema", False) is False:
                    continue
                for method in handler.http_methods - {"HEAD", "OPTIONS"}:
                    assert f"{method} {route.path_format}" in titles

    def test_every_operation_says_which_scope_it_needs(self) -> None:
        """Or that it needs no key."""
        sections = re.split(r"^### (?=[A-Z]+ /)", page("http.md"), flags=re.MULTILINE)[1:]
        for section in sections:
            assert re.search(r"Needs (the scope|no key)", section), section.partition("\n")[0]


class TestCommandLine:
    @pytest.mark.parametrize("name, command", list(cli_commands()))
    def test_every_command_and_option_is_explained(self, name: str, command: click.Command) -> None:
        """Each has a section, and each option a sentence."""
        assert command.help, name
        assert name in headings("cli.md")
        section = page("cli.md").partition(f"\n### {name}\n")[2].partition("\n### ")[0]
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.help, (name, option.opts)
                assert option.opts[0] in section or option.opts[0] in {"--ledger", "--json"}


class TestSettings:
    @pytest.mark.parametrize("field", Settings.__struct_fields__)
    def test_every_setting_has_a_section(self, field: str) -> None:
        """With a sentence that says what it does."""
        title = variable_of(field)
        assert title in headings("settings.md")
        section = page("settings.md").partition(f"## {title}\n")[2].partition("\n## ")[0]
        assert re.search(r"[a-z]{3,}.*\.", section)


class TestErrors:
    @pytest.mark.parametrize("cls", own_errors(), ids=lambda cls: cls.__name__)
    def test_every_error_explains_itself(self, cls: type[FilrougeError]) -> None:
        """It has a docstring of its own, a code that no other has, and a section."""
        assert (cls.__dict__.get("__doc__") or "").strip()
        assert [other for other in own_errors() if other.code == cls.code] == [cls]
        assert cls.code in headings("errors.md")
