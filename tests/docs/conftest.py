"""What the tests of the pages share: the command that their readers type."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import typist

PROGRAM = """#!/bin/sh
exec "{python}" -I -S "{typist}" "{place}" "$@"
"""


@pytest.fixture(scope="session")
def typed_filrouge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A program that is ``filrouge``, without most of what starting it takes each time."""
    folder = tmp_path_factory.mktemp("bin")
    place, program = folder / "place", folder / "filrouge"
    program.write_text(PROGRAM.format(python=sys.executable, typist=typist.__file__, place=place))
    program.chmod(0o755)
    waiting = subprocess.Popen(
        [sys.executable, typist.__file__, "--wait", place],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert waiting.stdout is not None
    assert waiting.stdout.readline().strip() == typist.BEGUN
    yield program
    waiting.communicate(timeout=60)
