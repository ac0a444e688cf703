"""How a command ends when it could not do what it was asked: one line, a remedy, an exit code."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import click

from domain.errors import FilrougeError, RuleError


class Exit(IntEnum):
    """The exit codes of ``filrouge``. Scripts can trust them; they never change their meaning."""

    DONE = 0
    """Everything was done."""
    REFUSED = 1
    """The ledger refused, or a part of the input was rejected; the rest was done."""
    USAGE = 2
    """The command, a setting, a mapping or an input file is wrong; nothing was done."""
    UNAVAILABLE = 3
    """The database, the keys or the disk cannot be used now; the same command may work later."""
    UNKNOWN = 4
    """There is no such ledger, projection, event, batch or key."""
    FAULT = 70
    """Filrouge itself failed: please report what it said."""
    INTERRUPTED = 130
    """Somebody pressed Ctrl-C. What was recorded stays; the command can be run again."""


class Failure(Exception):
    """A command ends here; ``remedy`` says what to do about it."""

    def __init__(
        self, message: str, remedy: str = "", *, code: str = "failed", exit_code: int = Exit.REFUSED
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code
        self.exit_code = int(exit_code)

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` writes to stderr."""
        return {
            "error": self.code,
            "message": self.message,
            "remedy": self.remedy or None,
            "exit_code": self.exit_code,
        }


AGAIN = "Run the same command again: what is recorded already is not recorded twice."


def failure_of(error: BaseException) -> Failure:
    """What a user is told of an error, and the exit code it ends with."""
    match error:
        case Failure():
            return error
        case click.ClickException():
            command = (
                error.ctx.command_path
                if isinstance(error, click.UsageError) and error.ctx
                else "filrouge"
            )
            return Failure(
                error.format_message(),
                f"See: {command} --help",
                code="usage",
                exit_code=Exit.USAGE,
            )
        case KeyboardInterrupt() | click.Abort():
            return Failure("Interrupted", AGAIN, code="interrupted", exit_code=Exit.INTERRUPTED)
        case FilrougeError():
            return _of_the_ledger(error)
        case OSError():
            name = f"{error.filename}: " if error.filename else ""
            return Failure(
                f"{name}{error.strerror or error}",
                "Check the path, the rights and the space.",
                code="file",
                exit_code=Exit.UNAVAILABLE,
            )
    return _outside(error)


def _of_the_ledger(error: FilrougeError) -> Failure:
    from store.database import InvalidName, LedgerUnknown
    from store.errors import StoreClosed, StoreOverloaded, StoreUnavailable
    from store.keys import EpochKeyMissing, KeyFileError
    from store.ledger import NotOpened
    from store.spaces import InvalidSpace

    said = " ".join((type(error).__doc__ or "").split())
    message = str(error)
    remedy = "" if message in said else said
    match error:
        case LedgerUnknown() | NotOpened():
            name = error.context.get("name") or error.context.get("ledger")
            return Failure(
                f"There is no ledger {name!r}",
                f"Make it: filrouge --ledger {name} init. All ledgers: filrouge status --all",
                code=error.code,
                exit_code=Exit.UNKNOWN,
            )
        case StoreUnavailable() | StoreOverloaded() | StoreClosed():
            return Failure(message, AGAIN, code=error.code, exit_code=Exit.UNAVAILABLE)
        case EpochKeyMissing() | KeyFileError():
            return Failure(message, remedy, code=error.code, exit_code=Exit.UNAVAILABLE)
        case InvalidName() | InvalidSpace():
            return Failure(message, remedy, code=error.code, exit_code=Exit.USAGE)
    context = ", ".join(f"{name} {value}" for name, value in error.context.items())
    unknown = error.code.endswith(("-unknown", "-not-found"))
    return Failure(
        f"{message} ({context})" if context and isinstance(error, RuleError) else message,
        remedy,
        code=error.code,
        exit_code=Exit.UNKNOWN if unknown else Exit.REFUSED,
    )


def _outside(error: BaseException) -> Failure:
    import psycopg
    from psycopg_pool import PoolTimeout

    from filrouge.importing.errors import MappingError, Unreadable
    from filrouge.settings import SettingsError
    from store.embedded import EmbeddedPostgresError
    from store.embedded_account import CommandError

    match error:
        case SettingsError():
            return Failure(
                f"{error.variable}: {error.problem}",
                error.remedy,
                code="setting",
                exit_code=Exit.USAGE,
            )
        case MappingError():
            return Failure(
                str(error),
                "Mend the mapping; docs/how-to/import-history.md has every key.",
                code="mapping",
                exit_code=Exit.USAGE,
            )
        case Unreadable():
            return Failure(str(error), "Mend the file.", code="file", exit_code=Exit.USAGE)
        case EmbeddedPostgresError() | CommandError():
            return Failure(
                str(error),
                "Or set FILROUGE_DATABASE_URL to a PostgreSQL of yours.",
                code="database",
                exit_code=Exit.UNAVAILABLE,
            )
        case psycopg.OperationalError() | PoolTimeout():
            return Failure(
                f"The database does not answer: {' '.join(str(error).split())}",
                "Check FILROUGE_DATABASE_URL and that PostgreSQL runs, then run this again.",
                code="database",
                exit_code=Exit.UNAVAILABLE,
            )
    return Failure(
        f"Filrouge itself failed: {type(error).__name__}: {error}",
        "Please report this; FILROUGE_LOG_LEVEL=debug shows where it happened.",
        code="fault",
        exit_code=Exit.FAULT,
    )
