"""A streaming replica of an embedded PostgreSQL, built as an operator builds one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from store.embedded import EmbeddedPostgres
from store.embedded_account import account_of, run
from store.embedded_cluster import PORT, VERSIONS, Cluster, _wheel

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "run-several-processes.md"


def settings_of_page() -> str:
    """What the page on replicas tells to set."""
    [block] = re.findall(r"```ini\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(block)


class Replica:
    """A copy of a server, made by ``pg_basebackup``, that follows it over its socket."""

    def __init__(self, primary: EmbeddedPostgres, folder: Path, version: int) -> None:
        source = primary.data_dir / "postgres"
        account = account_of(source)
        folder.mkdir(mode=0o700)
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        copy = folder / "postgres"
        run(
            [
                str(_wheel() / VERSIONS[version] / "bin" / "pg_basebackup"),
                f"--dbname={primary.url}",
                f"--pgdata={copy}",
                "--write-recovery-conf",  # standby.signal, and primary_conninfo
                "--checkpoint=fast",
            ],
            folder=folder,
            account=account,
        )
        with (copy / "postgresql.auto.conf").open("a") as settings:
            settings.write(settings_of_page())
        self._cluster = Cluster(copy, version)
        self._cluster.prepare({})
        self._cluster.ensure_running()

    def url_of(self, database: str) -> str:
        """The replica's address of a database."""
        host = quote(str(self._cluster.socket_dir), safe="")
        name = urlsplit(database).path
        return f"postgresql://postgres@{name}?host={host}&port={PORT}"

    def stop(self) -> None:
        """Stop it."""
        self._cluster.shut_down()
