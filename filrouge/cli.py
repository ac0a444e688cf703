"""The command ``filrouge``: one group, and each command imported only when it is asked for."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any, Final

import click

from filrouge.console import Console
from filrouge.failures import Exit, failure_of

COMMANDS: Final = {
    "init": "filrouge.commands_ledger:init",
    "serve": "filrouge.commands_serve:serve",
    "status": "filrouge.commands_status:status",
    "import": "filrouge.commands_import:import_",
    "rejects": "filrouge.commands_rejects:rejects",
    "export": "filrouge.commands_backup:export",
    "restore": "filrouge.commands_backup:restore",
    "recover": "filrouge.commands_recover:recover",
    "rebuild": "filrouge.commands_rebuild:rebuild",
    "replay": "filrouge.commands_replay:replay",
    "diff": "filrouge.commands_replay:diff",
    "tick": "filrouge.commands_tick:tick",
    "explain": "filrouge.commands_explain:explain",
    "journal": "filrouge.commands_journal:journal",
    "liability": "filrouge.commands_liability:liability",
    "verify": "filrouge.commands_verify:verify",
    "report": "filrouge.commands_report:report",
    "log": "filrouge.commands_log:log",
    "kit": "filrouge.commands_log:kit",
    "void": "filrouge.commands_ledger:void",
    "erase": "filrouge.commands_erase:erase",
    "certificate": "filrouge.commands_erase:certificate",
    "retention": "filrouge.commands_retention:retention",
    "hold": "filrouge.commands_privacy:hold",
    "restrict": "filrouge.commands_privacy:restrict",
    "consents": "filrouge.commands_privacy:consents",
    "copy": "filrouge.commands_privacy:copy",
    "accesses": "filrouge.commands_privacy:accesses",
    "completeness": "filrouge.commands_retention:completeness",
    "vault": "filrouge.commands_vault:vault",
    "draw": "filrouge.commands_draw:draw",
    "programme": "filrouge.commands_programme:programme",
    "rules": "filrouge.commands_rules:rules",
    "catalogue": "filrouge.commands_catalogue:catalogue",
    "codes": "filrouge.commands_codes:codes",
    "games": "filrouge.commands_games:games",
    "simulate-rules": "filrouge.commands_simulate_rules:simulate_rules",
    "keys": "filrouge.commands_keys:keys",
    "migrate": "filrouge.commands_ledger:migrate",
    "simulate": "filrouge.simulate:simulate",
    "demo": "filrouge.demo:demo",
    "docs": "filrouge.commands_docs:docs",
}
"""Every command and where it is. One whose module is not installed is not shown."""

LOGGING: Final = frozenset({"serve"})
"""Commands that log from ``info`` on by themselves; others do so if FILROUGE_LOG_LEVEL is set."""

EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 refused, or partly rejected; 2 wrong usage, setting, mapping or file; "
    "3 unavailable (database, keys, disk); 4 no such ledger, projection, event or key; "
    "70 a fault of Filrouge; 130 interrupted."
)


class Commands(MutableMapping[str, click.Command]):
    """The commands by name; each is imported when it is first looked at, so ``--help`` is quick."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = {name: at for name, at in places.items() if _is_there(at.partition(":")[0])}
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module, _, attribute = self._places[name].partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            _give_common_options(command)
            self._loaded[name] = command
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._places.setdefault(name, "")
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Root(click.Group):
    """The group: turns every error into one line, a remedy and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that are there, in the order in which one meets them."""
        del ctx
        return list(self.commands)

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run, report, and exit with a code that scripts can trust."""
        given = list(sys.argv[1:] if args is None else args)
        extra.pop("standalone_mode", None)
        console = Console()
        console.json = "--json" in given  # before the options are read, for errors in them
        try:
            with _terminated_like_interrupted():
                code = super().main(given, standalone_mode=False, obj=console, **extra)
        except click.exceptions.Exit as exit_:
            code = exit_.exit_code
        except BrokenPipeError:
            # Whoever read our output has seen enough; there is nobody left to tell, at the end too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = Exit.REFUSED
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - each ends with its own code
            failure = failure_of(error)
            console.fail(failure)
            if failure.exit_code == Exit.FAULT:
                _show_traceback(error)
            code = failure.exit_code
        sys.exit(int(code) if isinstance(code, int) else Exit.DONE)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: what it started is stopped before it goes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _show_traceback(error: BaseException) -> None:
    import structlog

    structlog.get_logger().debug("command.failed", exc_info=error)


def _set_ledger(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Console).ledger = value


def _set_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's form
    if value:
        ctx.ensure_object(Console).json = True


def common_options() -> list[click.Option]:
    """``--ledger`` and ``--json``, which may stand before or after the command."""
    return [
        click.Option(
            ["--ledger"], metavar="NAME", expose_value=False, callback=_set_ledger, is_eager=True,
            help="The ledger to work on; without it FILROUGE_LEDGER, else demo.",
        ),
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_set_json, is_eager=True,
            help="Write the result, and errors, as JSON.",
        ),
    ]  # fmt: skip


def _give_common_options(command: click.Command) -> None:
    have = {name for parameter in command.params for name in parameter.opts}
    command.params += [one for one in common_options() if not have & set(one.opts)]
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _give_common_options(inner)


def _configure_logs(console: Console, command: str | None) -> None:
    from filrouge.logs import configure_logs
    from filrouge.settings import variable_of

    talks = command in LOGGING or bool(os.environ.get(variable_of("log_level")))
    configure_logs(console.settings, json=console.json, quiet=not talks)


@click.group(
    cls=Root,
    commands=Commands(COMMANDS),
    params=[*common_options()],
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(metadata.version("filrouge"), prog_name="filrouge")
@click.pass_context
def main(ctx: click.Context) -> None:
    """An engagement ledger: history carries from one campaign to the next.

    Settings are FILROUGE_* variables; without any, Filrouge runs a PostgreSQL of its own in the
    folder var.
    """
    if ctx.resilient_parsing:
        return
    _configure_logs(ctx.ensure_object(Console), ctx.invoked_subcommand)
