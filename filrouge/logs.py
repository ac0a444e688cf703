"""Log lines: dotted nouns with values as keys, on stderr, for people or for machines."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from json import dumps as json_of_anything
from typing import Any, Final

import msgspec
import structlog

from domain.personal import SEALED_PREFIX
from filrouge.settings import Settings

TEXT_LENGTH_MAX: Final = 2_000
"""A longer value is cut: a log line is no place for documents."""
TALKATIVE: Final = ("psycopg", "psycopg.pool", "asyncio", "httpx", "httpcore")
"""Libraries whose own messages matter from ``warning`` on; their texts can quote values."""


def configure_logs(settings: Settings, *, json: bool = False, quiet: bool = False) -> None:
    """Set up logging for this process: Filrouge's own lines, and those of its libraries.

    ``json`` writes lines for machines whatever the settings say; ``quiet`` leaves out what is
    below ``warning``, for commands whose result is what counts.

    No line carries personal data: values are ids, counts and durations. Sealed texts are dropped
    all the same, and so is everything that a library says below ``warning``.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    if quiet:
        level = max(level, logging.WARNING)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _bounded,
    ]
    people = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    if json or not people:
        render: list[Any] = [
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(serializer=_as_json),
        ]
    else:
        render = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _to_stderr(*_: Any) -> structlog.WriteLogger:
    # Looked up for each logger: whoever redirects stderr (a test, a daemon) is followed.
    return structlog.WriteLogger(sys.stderr)


def _as_json(event: Any, **_: Any) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=repr).decode()
    except UnicodeEncodeError:  # a library quotes what is no Unicode; this escapes it
        return json_of_anything(event, default=repr)


def _bounded(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Cut long texts, and drop sealed ones."""
    for key, value in event.items():
        if isinstance(value, str):
            if SEALED_PREFIX in value:
                event[key] = "<sealed>"
            elif len(value) > TEXT_LENGTH_MAX:
                event[key] = value[:TEXT_LENGTH_MAX] + "…"
    return event
