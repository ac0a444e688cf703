"""Files of programmes: one TOML file with the terms of points and tiers, and with the rules."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from domain.errors import FilrougeError
from domain.programmes import Currencies, check_programme
from domain.rule_terms import RuleTerms
from domain.rules import RuleID
from domain.tier_schemes import TierScheme
from domain.types import Instant, Name, ProgrammeID
from filrouge.failures import Exit, Failure
from filrouge.rule_files import check_rules

_COMPARED: Final = re.compile(r"member\.tier\s*[!=]=\s*(['\"])(.*?)\1")
_LISTED: Final = re.compile(r"member\.tier\s+in\s+\[(.*?)\]")
_QUOTED: Final = re.compile(r"(['\"])(.*?)\1")
REMEDY: Final = "Correct the file; docs/how-to/reward-members.md shows one."


class SaidProgramme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file says of one programme: all of its terms."""

    name: Name
    time_zone: Name | None = None
    """None: the ledger's, if the programme is opened by this file."""
    since: Instant | None = None
    """From when on these terms hold. None: from when they are applied."""
    currencies: Currencies
    tiers: TierScheme | None = None


class ProgrammeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What such a file says."""

    programmes: dict[ProgrammeID, SaidProgramme] = {}
    rules: dict[RuleID, RuleTerms] = {}


def read_programmes(path: Path) -> ProgrammeFile:
    """A file's programmes and rules, checked as they would be when they are applied."""
    try:
        said: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        found = msgspec.convert(said, ProgrammeFile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise wrong_programmes(path, str(error)) from None
    for name, programme in found.programmes.items():
        try:
            check_programme(programme.currencies, programme.tiers)
        except FilrougeError as error:
            raise wrong_programmes(path, f"programmes.{name}: {error}") from None
    check_rules(path, found.rules)
    for rule_id, terms in found.rules.items():
        if terms.programme in found.programmes:
            _check_names(path, rule_id, terms, found.programmes[terms.programme])
    return found


def _check_names(path: Path, rule_id: str, terms: RuleTerms, programme: SaidProgramme) -> None:
    """A rule of a programme of the same file speaks of points and tiers that the programme has.

    A misspelt tier is no fault of a condition: it would be false for everybody, for ever.
    """
    units = [one.points_currency for one in programme.currencies]
    if terms.points_currency not in units:
        said = f"rules.{rule_id}.points_currency: {terms.programme} has no {terms.points_currency}"
        raise wrong_programmes(path, f"{said}, but {', '.join(units)}")
    tiers = [one.tier for one in programme.tiers.tiers] if programme.tiers else []
    for field in ("condition", "eligibility", "points"):
        for tier in tiers_in(getattr(terms, field) or ""):
            if tier not in tiers:
                said = f"rules.{rule_id}.{field}: {terms.programme} has no tier {tier!r}"
                raise wrong_programmes(path, f"{said}, but {', '.join(tiers) or 'none'}")


def tiers_in(text: str) -> list[str]:
    """The tiers that a formula compares a member's tier with, as far as it writes them out."""
    found = [quoted for _, quoted in _COMPARED.findall(text) if quoted]
    for listed in _LISTED.findall(text):
        found += [quoted for _, quoted in _QUOTED.findall(listed)]
    return found


def wrong_programmes(path: Path, said: str) -> Failure:
    """A file that cannot be applied, and what to do about it."""
    return Failure(f"{path}: {said}", REMEDY, code="wrong-programmes", exit_code=Exit.USAGE)
