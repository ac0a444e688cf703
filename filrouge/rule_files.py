"""Files of rules: one TOML file that says the terms of each rule, by its name."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from domain.errors import FilrougeError
from domain.publishing import check_terms
from domain.rule_terms import RuleTerms
from domain.rules import RuleID
from filrouge.failures import Exit, Failure

REMEDY: Final = "Correct the file; docs/how-to/reward-members.md shows one."


class RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What such a file says."""

    rules: dict[RuleID, RuleTerms]


def read_rules(path: Path) -> dict[str, RuleTerms]:
    """The terms of each rule in a file, checked as they would be when they are published."""
    try:
        said: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        found = msgspec.convert(said, RuleFile).rules
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise _wrong(path, str(error)) from None
    check_rules(path, found)
    return found


def check_rules(path: Path, found: dict[str, RuleTerms]) -> None:
    """Refuse what could not be applied, with its place in the file."""
    for rule_id, terms in found.items():
        try:
            check_terms(terms)
        except FilrougeError as error:
            raise _wrong(path, f"rules.{rule_id}: {error}") from None


def _wrong(path: Path, said: str) -> Failure:
    return Failure(f"{path}: {said}", REMEDY, code="wrong-rules", exit_code=Exit.USAGE)
