"""The page of the command line: every command with its arguments, options and exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from filrouge.cli import main
from filrouge.documentation.markdown import anchor, first_sentence, on_one_line, page, prose, table
from filrouge.documentation.sources import members_of
from filrouge.failures import Exit

COMMON: Final = frozenset({"--ledger", "--json"})
"""Options that every command has; they are described once."""


def commands_of(group: click.Group, path: str = "filrouge") -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, with its whole name: ``filrouge keys create``."""
    context = click.Context(group, info_name=path, resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands_of(command, f"{path} {name}")


def cli_page() -> str:
    """``cli.md``: the whole command line."""
    found = list(commands_of(main))
    return page(
        "Command line",
        prose(main.help),
        "Results go to stdout; progress, notes and errors go to stderr. These options may stand "
        "before or after any command:",
        _options(main, leave_out=frozenset({"--version"})),
        "`filrouge --version` says which version it is; `--help` explains any command.",
        "## Exit codes",
        "Scripts can trust them; none ever changes its meaning.",
        table(
            ("Code", "Meaning"),
            [(str(Exit[name].value), on_one_line(text)) for name, text in members_of(Exit)],
        ),
        "## Commands",
        table(
            ("Command", "What it does"),
            [
                (f"[`{name}`](#{anchor(name)})", first_sentence(command.help))
                for name, command in found
            ],
        ),
        *(_section(name, command) for name, command in found),
    )


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```"
    parts = (f"### {name}", usage, prose(command.help), _options(command, leave_out=COMMON))
    return "\n\n".join(part for part in parts if part)


def _options(command: click.Command, *, leave_out: frozenset[str]) -> str:
    return table(
        ("Option", "Value", "Default", "Meaning"),
        [
            (
                ", ".join(f"`{one}`" for one in (*option.opts, *option.secondary_opts)),
                _value(option),
                _default(option),
                " ".join((option.help or "").split()),
            )
            for option in command.params
            if isinstance(option, click.Option)
            and not option.hidden
            and not leave_out & set(option.opts)
        ],
    )


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    match option.type:
        case click.Choice(choices=choices):
            said = ", ".join(f"`{choice}`" for choice in choices)
        case click.IntRange(min=least, max=most) | click.FloatRange(min=least, max=most):
            said = f"{least:,} or more" if most is None else f"{least:,} to {most:,}"
        case _:
            said = option.metavar or option.type.name
    return f"{said}; may be repeated" if option.multiple else said


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    default = option.to_info_dict()["default"]
    if isinstance(default, bool | tuple | list) or default is None or callable(default):
        return ""
    # Older and newer versions of click differ in how they say that there is none.
    said = str(default)
    return "" if "UNSET" in said.upper() else f"`{said}`"
