"""Markdown for pages that a program writes: prose from docstrings, tables and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from inspect import cleandoc
from typing import Final

GENERATED: Final = "<!-- Made by `filrouge docs` from the code. What is edited here is lost. -->"

_ROLE: Final = re.compile(r":\w+:`~?([^`]+)`")
_BLOCK: Final = re.compile(r"::\n\n((?:[ ]{4}.*(?:\n|$)|\n)+)")
_RAISES: Final = re.compile(r"\n\nRaises:\n(?:[ ]{4}.*(?:\n|$)|\n)+")
_AS_IT_STANDS: Final = re.compile(r"\x08\n((?:.+(?:\n|$))+)")  # click's mark
_CODE: Final = re.compile(r"(`[^`]*`)")


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: code stays code, indented examples become fenced ones."""
    text = cleandoc(docstring or "").replace("``", "`")
    text = _RAISES.sub("", text)
    text = _BLOCK.sub(_fenced, text)
    text = _AS_IT_STANDS.sub(lambda found: f"```text\n{found[1].rstrip()}\n```\n", text)
    text = _ROLE.sub(r"`\1`", text)
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;") for part in _CODE.split(text)
    ).strip()


def _fenced(found: re.Match[str]) -> str:
    code = "\n".join(line[4:] for line in found[1].strip("\n").splitlines())
    return f":\n\n```python\n{code}\n```\n"


def first_sentence(docstring: str | None) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(prose(docstring).partition("\n\n")[0].split())


def on_one_line(docstring: str | None) -> str:
    """A docstring on one line, for a cell of a table."""
    return " ".join(prose(docstring).split())


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty when there are no rows."""
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    if not lines:
        return ""
    head = "| " + " | ".join(titles) + " |"
    return "\n".join([head, "|" + "---|" * len(titles), *lines])


def anchor(title: str) -> str:
    """The anchor that a heading gets: lower case, spaces as hyphens, other signs left out."""
    kept = re.sub(r"[^\w\- ]", "", title.replace("`", "").lower())
    return kept.replace(" ", "-")


def page(title: str, *parts: str) -> str:
    """A whole page: title, the note that it is generated, and its parts."""
    return "\n\n".join([f"# {title}", GENERATED, *(part for part in parts if part)]) + "\n"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words as a list in a sentence: ``a, b and c``."""
    if len(words) < 2:  # noqa: PLR2004 - one word needs no joining
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
