"""`docs/how-to/run-in-production.md`: its role is enough, and its commands work in their order."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from filrouge.documentation.metrics import documented_metrics

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-in-production.md"


@pytest.fixture
def name() -> str:
    """A name for the database, its role and its ledgers: roles are shared by all databases."""
    return f"production_{uuid4().hex[:10]}"


@pytest.fixture
def production_url(postgres_url: str, name: str) -> Iterator[str]:
    """A database made by the page's own SQL, under another name."""
    [statements] = sql_blocks()
    [password] = re.findall(r"PASSWORD '(.*?)'", statements)
    parts = urlsplit(postgres_url)
    host = parts.netloc.rpartition("@")[2]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for statement in statements.replace("filrouge", name).split(";")[:-1]:
            connection.execute(statement.encode())
        netloc = f"{name}:{password.replace(' ', '%20')}@{host}"
        yield parts._replace(netloc=netloc, path=f"/{name}").geturl()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
        for role in (f"ledger_{name}", f"ledger_{name}_copy", name):
            connection.execute(f'DROP ROLE IF EXISTS "{role}"'.encode())


def sql_blocks() -> list[str]:
    """What the page tells PostgreSQL: making the database."""
    return re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)


def commands(ledger: str) -> Iterator[list[str]]:
    """What the page runs, but for the server, with other names for its ledgers."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names = {"brand": ledger, "copy": f"{ledger}_copy"}
    for line in "".join(blocks).splitlines():
        program, *words = shlex.split(line)
        if program == "filrouge" and words[0] != "serve":
            at = words.index("--ledger") + 1 if "--ledger" in words else None
            yield [names[w] if n == at else w for n, w in enumerate(words)]


def exported_lines(
    program: Path, environment: dict[str, str], folder: Path, ledger: str
) -> list[str]:
    """All entries of a ledger, byte by byte."""
    file = folder / f"{ledger}.ndjson"
    command = [str(program), "--ledger", ledger, "export", str(file)]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    return file.read_text().splitlines()


def test_alerts_name_metrics_that_there_are() -> None:
    """Every expression of the page speaks of what a scrape shows, with labels that it has."""
    text = PAGE.read_text()
    labels = {one.name: {*one.labels, "le"} for one in documented_metrics()}
    named = re.findall(r"(?<!#)\b(filrouge_\w+)(?:\{(\w+)=)?", text)
    assert len(named) > 10
    for metric, label in named:
        name = re.sub(r"_(total|sum|count|bucket)$", "", metric)
        assert name in labels, metric
        assert not label or label in labels[name], metric
    for by, metric in re.findall(r"by \(([\w, ]+)\) \((?:rate\()?(filrouge_\w+)", text):
        name = re.sub(r"_(total|sum|count|bucket)$", "", metric)
        assert set(by.split(", ")) <= labels[name], metric


@pytest.mark.slow
def test_the_page_works_with_the_role_that_it_makes(
    production_url: str, name: str, tmp_path: Path, typed_filrouge: Path
) -> None:
    """No superuser is needed: not for making, filling, exporting or restoring a ledger."""
    environment = {**os.environ, "FILROUGE_DATABASE_URL": production_url}
    for words in commands(name):
        done = subprocess.run(
            [typed_filrouge, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stderr)
    said = subprocess.run(
        [typed_filrouge, "status", "--all"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.findall(rf"^({name}\w*) +1$", said.stdout, re.MULTILINE) == [name, f"{name}_copy"]

    exported = [
        exported_lines(typed_filrouge, environment, tmp_path, ledger)
        for ledger in (name, f"{name}_copy")
    ]
    assert exported[0] == exported[1]
    assert len(exported[0]) == 1
    with psycopg.connect(production_url, autocommit=True) as connection:
        row = connection.execute(f"SELECT epoch FROM ledger_{name}.head".encode()).fetchone()
    assert row is not None
    assert row[0] > 1
