"""Files of the reward catalogue: one TOML file that says the terms of each item, by its id."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from domain.errors import FilrougeError
from domain.item_terms import ItemTerms, check_item
from domain.types import ItemID
from filrouge.failures import Exit, Failure

REMEDY: Final = "Correct the file; docs/how-to/offer-rewards.md shows one."


class CatalogueFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What such a file says."""

    items: dict[ItemID, ItemTerms]


def read_catalogue(path: Path) -> dict[str, ItemTerms]:
    """The terms of each item in a file, checked as they would be when they are listed."""
    try:
        said: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        found = msgspec.convert(said, CatalogueFile).items
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise _wrong(path, str(error)) from None
    for item_id, terms in found.items():
        try:
            check_item(terms)
        except FilrougeError as error:
            raise _wrong(path, f"items.{item_id}: {error}") from None
    return found


def _wrong(path: Path, said: str) -> Failure:
    return Failure(f"{path}: {said}", REMEDY, code="wrong-catalogue", exit_code=Exit.USAGE)
