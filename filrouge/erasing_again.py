"""Erasing again: what a ledger that came back from an older copy has to forget once more."""

from __future__ import annotations

from pathlib import Path

from domain.envelope import Recorded
from filrouge.entry_files import entries_of
from filrouge.importing.records import Source
from filrouge.wiring import ACTOR
from store.database import Database
from store.erasure_register import ErasureRegister, erasures_among
from store.ledger import Ledger


def erase_again(database: Database, ledger: Ledger, given: Path | None = None) -> int:
    """Carry out what the log orders, and the erasures that it has lost; returns how many those are.

    What it has lost, the register of erasures knows, or the file that is ``given``: a register of
    elsewhere, or a newer export.
    """
    # What the log orders is destroyed first, also in keys that were brought in from a bundle.
    ledger.erasures.vault.forget_followed()
    ledger.erasures.follow()
    known: list[Recorded] = []
    if given is not None:
        with Source(given) as source:
            known += erasures_among(entries_of(source))
    if database.register_folder is not None:
        known += ErasureRegister(database.register_folder, ledger.info.ledger_id).erasures()
    lost = ledger.erasures.lost(known)
    if lost:
        for outcome in ledger.observe(lost, actor=ACTOR, admin=True).result():
            if outcome.error is not None:
                raise outcome.error
        ledger.erasures.follow()
    return len(lost)
