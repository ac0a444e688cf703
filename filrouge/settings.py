"""Everything that can be set, from `FILROUGE_*` environment variables and nowhere else."""

import base64
import os
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

PREFIX: Final = "FILROUGE_"
TEST_PREFIX: Final = "FILROUGE_TEST_"  # for the test suite; not settings of the application
EPOCH_KEY_BYTES: Final = 32
_SECRET: Final = frozenset(
    {"database_url", "vault_database_url", "replica_url", "epoch_key", "log_key", "metrics_token"}
)


class SettingsError(Exception):
    """A `FILROUGE_*` variable is wrong or unknown. The message names it and says what to do."""

    def __init__(self, variable: str, problem: str, remedy: str) -> None:
        """Name the variable, what is wrong with it, and what to do."""
        super().__init__(f"{variable}: {problem}. {remedy}")
        self.variable = variable
        self.problem = problem
        self.remedy = remedy


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What this process was told. One variable per field: `pool_max` is `FILROUGE_POOL_MAX`."""

    database_url: Annotated[
        str | None,
        Meta(
            description="The PostgreSQL to use, 16 or later, as postgresql://user@host/database. "
            "Without it, Filrouge starts one of its own in the data folder."
        ),
    ] = None
    vault_database_url: Annotated[
        str | None,
        Meta(
            description="The PostgreSQL that keeps the vault (subject keys and look-up digests), "
            "if it is to live apart from the log. Without it: the same database."
        ),
    ] = None
    replica_url: Annotated[
        str | None,
        Meta(
            description="A streaming replica of that PostgreSQL. The API reads projections and "
            "events from it; without it: from the same database."
        ),
    ] = None
    data_dir: Annotated[
        Path,
        Meta(description="The folder of the embedded PostgreSQL, the key file and work files."),
    ] = Path("var")
    key_file: Annotated[
        Path | None,
        Meta(
            description="The file with the epoch key that wraps all subject keys; made on first "
            "run, readable by its owner only. Without it: keys/epoch.key in the data folder."
        ),
    ] = None
    epoch_key: Annotated[
        str | None,
        Meta(description="The epoch key itself, 32 bytes in base64, in place of a key file."),
    ] = None
    erasures_dir: Annotated[
        Path | None,
        Meta(description="Where registers of erasures lie. Without it: beside the key file."),
    ] = None
    log_key_file: Annotated[
        Path | None,
        Meta(
            description="The file with the key that signs the log's checkpoints; made on first "
            "run, readable by its owner only. Without it: keys/log.key in the data folder."
        ),
    ] = None
    log_key: Annotated[
        str | None,
        Meta(description="The signing key itself, 32 bytes in base64, in place of a key file."),
    ] = None
    witness_file: Annotated[
        Path | None,
        Meta(
            description="The outsiders who cosign checkpoints, one on each line: the public key, a "
            "space, the address. Without it: nobody."
        ),
    ] = None
    seal_seconds: Annotated[
        float,
        Meta(description="How far behind the log its newest checkpoint may be.", ge=0.1, le=3600),
    ] = 5.0
    postgres_version: Annotated[
        Literal[16, 18],
        Meta(description="The version of the embedded PostgreSQL; it counts at the first start."),
    ] = 18
    host: Annotated[
        str,
        Meta(description="The address that the HTTP API listens on.", min_length=1),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(description="The port that the HTTP API listens on; 0: any free one.", ge=0, le=65535),
    ] = 8000
    workers: Annotated[
        int,
        Meta(description="The processes that serve the HTTP API.", ge=1, le=64),
    ] = 1
    ledger: Annotated[
        str,
        Meta(
            description="The ledger that commands mean when none is named: a lower-case letter, "
            "then up to 47 lower-case letters, digits and underscores.",
            pattern=r"^[a-z][a-z0-9_]{0,47}$",
        ),
    ] = "demo"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least severe log events that are written."),
    ] = "info"
    log_format: Annotated[
        Literal["auto", "console", "json"],
        Meta(
            description="Log lines for people (console) or for machines (json); auto: for people "
            "on a terminal, for machines elsewhere."
        ),
    ] = "auto"
    metrics_token: Annotated[
        str | None,
        Meta(
            description="What whoever scrapes /metrics has to send as a bearer token. Without it, "
            "whoever reaches the port may read the metrics, which hold nothing personal.",
            min_length=16,
            max_length=200,
            pattern=r"^[!-~]+$",
        ),
    ] = None
    pool_max: Annotated[
        int,
        Meta(
            description="The database connections that the pools of one process share: for keys, "
            "the vault and reading. Each ledger has up to three more, of its own: for writing, for "
            "projections and for their lease.",
            ge=4,
            le=1000,
        ),
    ] = 8
    batch_events_max: Annotated[
        int,
        Meta(description="The most events that one batch appends.", ge=1, le=100_000),
    ] = 2000
    wait_seconds_max: Annotated[
        float,
        Meta(description="The longest that a read waits for a position.", ge=0, le=300),
    ] = 10.0
    body_bytes_max: Annotated[
        int,
        Meta(description="The largest HTTP body taken, in bytes.", ge=1024, le=1 << 30),
    ] = 4 * 1024 * 1024

    @classmethod
    def load(cls, env: Mapping[str, str] = os.environ) -> Self:
        """The settings that `env` gives. An empty variable counts as not set.

        Raises:
            SettingsError: a variable is wrong, unknown, or contradicts another one.

        """
        given = {
            name: value.strip()
            for name, value in env.items()
            if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX)
        }
        known = {variable_of(field.name): field for field in msgspec.structs.fields(cls)}
        for name in sorted(given.keys() - known.keys()):
            raise SettingsError(name, "there is no such setting", _nearest(name, known))
        values: dict[str, Any] = {
            known[name].name: _converted(name, known[name], value)
            for name, value in given.items()
            if value
        }
        settings = cls(**values)
        _check_together(settings)
        return settings

    @property
    def key_path(self) -> Path:
        """Where the epoch key is kept, unless `epoch_key` gives it."""
        return self.key_file or self.data_dir / "keys" / "epoch.key"

    @property
    def register_folder(self) -> Path:
        """Where the registers of erasures are kept."""
        return self.erasures_dir or self.key_path.parent

    @property
    def log_key_path(self) -> Path:
        """Where the key that signs the log is kept, unless `log_key` gives it."""
        return self.log_key_file or self.data_dir / "keys" / "log.key"

    @property
    def epoch_key_bytes(self) -> bytes | None:
        """The 32 bytes of `epoch_key`; None: they are in the file at `key_path`."""
        return None if self.epoch_key is None else base64.b64decode(self.epoch_key)

    def __repr__(self) -> str:
        """Show the settings without their secrets, so that they can be logged."""
        shown = (
            f"{name}=<set>"
            if name in _SECRET and getattr(self, name) is not None
            else f"{name}={getattr(self, name)!r}"
            for name in self.__struct_fields__
        )
        return f"Settings({', '.join(shown)})"


def variable_of(field_name: str) -> str:
    """The environment variable of a field of `Settings`."""
    return PREFIX + field_name.upper()


def _converted(variable: str, field: msgspec.structs.FieldInfo, value: str) -> object:
    kind = typing.get_args(field.type)[0]
    if Path in (kind, *typing.get_args(kind)):
        return Path(value)
    try:
        converted: object = msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError as error:
        # The value is not repeated: it may be a secret, and this message goes to logs.
        problem = str(error)[:1].lower() + str(error)[1:]
        raise SettingsError(variable, problem, f"Set it to: {kind_of(field.type)}") from None
    _check_alone(variable, field.name, value)
    return converted


def _check_alone(variable: str, name: str, value: str) -> None:
    if name.endswith("_url"):
        if urlsplit(value).scheme not in {"postgresql", "postgres"}:
            raise SettingsError(
                variable,
                "this is not the address of a PostgreSQL",
                "Set it to something like postgresql://user@host:5432/database",
            )
    elif name in {"epoch_key", "log_key"}:
        try:
            length = len(base64.b64decode(value, validate=True))
        except ValueError:
            length = -1
        if length != EPOCH_KEY_BYTES:
            raise SettingsError(
                variable,
                f"this is not {EPOCH_KEY_BYTES} bytes in base64",
                "Make one with: openssl rand -base64 32",
            )


def _check_together(settings: Settings) -> None:
    for key, file in (("epoch_key", "key_file"), ("log_key", "log_key_file")):
        if getattr(settings, key) is not None and getattr(settings, file) is not None:
            raise SettingsError(
                variable_of(key),
                f"{variable_of(file)} is set too, and only one of them can hold",
                "Unset one of the two",
            )


def _nearest(name: str, known: Mapping[str, object]) -> str:
    # Without the prefix, which would make any two names alike.
    bare = [variable.removeprefix(PREFIX) for variable in known]
    if nearest := get_close_matches(name.removeprefix(PREFIX), bare, n=1):
        return f"Did you mean {PREFIX}{nearest[0]}? Otherwise unset it"
    return f"Unset it. The settings are: {', '.join(known)}"


def kind_of(annotated: Any) -> str:
    """What a setting may hold, in words."""
    base = typing.get_args(annotated)[0]
    meta = meta_of(annotated)
    if typing.get_origin(base) is Literal:
        return " or ".join(str(value) for value in typing.get_args(base))
    if isinstance(base, types.UnionType):
        base = typing.get_args(base)[0]
    word = {int: "whole number", float: "number", str: "text", Path: "path"}[base]
    if meta.ge is not None and meta.le is not None:
        return f"{word} from {meta.ge} to {meta.le}"
    return f"{word} like {meta.pattern}" if meta.pattern else word


def meta_of(annotated: Any) -> Meta:
    """What is said of a setting beside its type."""
    return annotated.__metadata__[0]  # type: ignore[no-any-return] # each of them has one
