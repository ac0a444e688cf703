"""Spaces: schemas of their own, in which tables of a ledger's past are kept for any tool."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

import psycopg
from psycopg import sql

from domain.errors import FilrougeError
from store.connections import connect_to, connected

SPACE_PATTERN: Final = re.compile(r"[a-z][a-z0-9]{0,14}")
"""No underscore, so that the name of a schema names one ledger and one space."""


class InvalidSpace(FilrougeError):
    """The name of a space is lower-case letters and digits, begins with a letter, at most 15."""


class SpaceExists(FilrougeError):
    """There is a space of this name: choose another, or say that it may be replaced."""


class SpaceUnknown(FilrougeError):
    """There is no space of this name: see ``filrouge replay --list``."""


class Spaces:
    """The spaces of one ledger, in its database."""

    def __init__(self, url: str, ledger: str) -> None:
        self._url = url
        self._role = f"ledger_{ledger}"
        self._prefix = f"replay_{ledger}_"

    def schema(self, name: str) -> str:
        """The schema of a space. Raises InvalidSpace."""
        if not SPACE_PATTERN.fullmatch(name):
            raise InvalidSpace(name=name)
        return self._prefix + name

    def names(self) -> list[str]:
        """The spaces that there are, in order."""
        with connected(self._url, "owner") as connection:
            rows = connection.execute(
                "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s) ORDER BY nspname",
                [self._prefix],
            ).fetchall()
        found = [name.removeprefix(self._prefix) for (name,) in rows]
        return [name for name in found if SPACE_PATTERN.fullmatch(name)]

    def make(self, name: str, *, replace: bool = False) -> Callable[[], psycopg.Connection]:
        """Make an empty space; returns what connects to it. Raises SpaceExists."""
        schema = self.schema(name)
        if replace:
            self.drop(name)
        with connected(self._url, "owner") as connection:
            try:
                connection.execute(
                    sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(
                        sql.Identifier(schema), sql.Identifier(self._role)
                    )
                )
            except psycopg.errors.DuplicateSchema:
                raise SpaceExists(name=name) from None
        return partial(connect_to, self._url, schema, "replay", role=self._role)

    def connect(self, name: str) -> psycopg.Connection:
        """Connect to a space that is there. Raises SpaceUnknown."""
        if name not in self.names():
            raise SpaceUnknown(name=name)
        return connect_to(self._url, self.schema(name), "replay", role=self._role)

    def drop(self, name: str) -> None:
        """Remove a space with all that it holds, if it is there."""
        with connected(self._url, "owner") as connection:
            connection.execute(
                sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(
                    sql.Identifier(self.schema(name))
                )
            )
