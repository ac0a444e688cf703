"""Checking a draw again: everything that it says, computed from the log by what it published."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from itertools import pairwise, takewhile
from typing import Any, Final, Literal, NamedTuple

from domain.draw_order import Outcome
from domain.draws import (
    PASSED_OVER_SAID_MAX,
    DrawClosed,
    DrawCommitted,
    DrawDrawn,
    DrawEntryPassedOver,
    DrawOpened,
    DrawPlaced,
    DrawState,
    DrawValueRecorded,
)
from domain.entry_lists import EntryList
from domain.prizes import DrawPrizeForfeited, DrawPrizePassedOn
from store.draws import History, State, list_at, outcome_of, root_of, state_of
from store.sources import COMMANDS_SOURCE
from store.tree import LogTree

Result = Literal["holds", "wrong", "note", "unchecked"]
"""It is as it has to be; it is not; something to know; this software cannot check it."""
LATE_SHOWN: Final = 5
ORDER: Final = (DrawOpened, DrawClosed, DrawCommitted, DrawValueRecorded, DrawDrawn)


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    result: Result
    what: str


def audit_draw(
    history: History,
    draw_id: str,
    until: int,
    *,
    rules: bytes | None = None,
    progress: Callable[[str], None] = lambda _what: None,
) -> list[Check]:
    """Check a draw as far as it has come by a position; no checks: it was never opened.

    ``rules`` is the rules document, if somebody has it at hand.
    """
    state = state_of(history, draw_id, until)
    view, terms = state.view, state.view.terms
    if terms is None:
        return []
    checks = [_steps(state), _rules(terms, rules)]
    closed, commitment = view.closed_position, view.commitment
    if closed is None:
        return [*checks, Check("list", "note", "the draw takes entries still")]
    checks.append(_closing(state, terms))
    progress("Listing the entries")
    listed = list_at(history, terms, closed, view.value_position)
    if commitment is None:
        what = f"{len(listed.entries):,} entries, to which nobody has committed yet"
        return [*checks, Check("list", "note", what)]
    checks += [*_list(view, commitment, listed), *_commitment(state, commitment)]
    if view.value is not None and view.value_position is not None:
        checks += _value(state, commitment, view.value)
        checks.append(_late(history, view, listed, commitment.due))
        progress("Drawing again")
        outcome = outcome_of(history, terms, listed, view.value.randomness, view.value_position)
        if view.drawn:
            checks += _winners(history, draw_id, outcome, until)
        else:
            checks.append(Check("winners", "note", "they are not drawn yet"))
    return checks


def sealed(history: History, draw_id: str, until: int, tree: LogTree) -> Check:
    """Whether the commitment was under a signed checkpoint before its value was due."""
    view = state_of(history, draw_id, until).view
    if view.commitment is None or view.committed_position is None:
        return Check("seal", "note", "nothing is committed to yet")
    signed = tree.signed_at(view.committed_position)
    if signed is None:
        return Check("seal", "note", "no checkpoint covers the commitment yet")
    what = f"the commitment is under a checkpoint that was signed {signed}"
    if signed < view.commitment.due:
        return Check("seal", "holds", f"{what}, before the value was due")
    return Check("seal", "note", f"{what}: only recorded times say that it was made before")


def _checked(name: str, holds: bool, what: str, wrong: str) -> Check:  # noqa: FBT001 - it is the check
    return Check(name, "holds", what) if holds else Check(name, "wrong", wrong)


def _steps(state: State) -> Check:
    """Each step was taken once, in order, by a decision of the ledger."""
    positions: list[int] = []
    for kind in ORDER:
        found = [one.envelope for one in state.steps if isinstance(one.event, kind)]
        if len(found) > 1:
            return Check("steps", "wrong", f"{kind.type_name} stands {len(found)} times in the log")
        if found and found[0].source != COMMANDS_SOURCE:
            return Check("steps", "wrong", f"{kind.type_name} was not decided by the ledger")
        positions += [one.position for one in found]
    rising = all(one < other for one, other in pairwise(positions))
    said = ", ".join(f"{one:,}" for one in positions)
    return _checked(
        "steps", rising, f"each was taken once, at the positions {said}",
        f"they are not in order: {said}",
    )  # fmt: skip


def _rules(terms: DrawOpened, rules: bytes | None) -> Check:
    if rules is None:
        what = f"the rules document has the SHA-256 {terms.rules_digest} (base64url): compare it"
        return Check("rules", "unchecked", what)
    digest = urlsafe_b64encode(sha256(rules).digest()).decode().rstrip("=")
    return _checked(
        "rules", digest == terms.rules_digest.rstrip("="), "the document is the published one",
        f"the document has the SHA-256 {digest}, published was {terms.rules_digest}",
    )  # fmt: skip


def _closing(state: State, terms: DrawOpened) -> Check:
    recorded = _recorded(state, DrawClosed)
    return _checked(
        "closing", recorded >= terms.closes, f"closed {recorded}, after the last entry's instant",
        f"closed {recorded}, before {terms.closes}: somebody could still have entered",
    )  # fmt: skip


def _recorded(state: State, kind: type[Any]) -> datetime:
    """When a step was recorded, the first time."""
    return next(one.envelope.recorded_at for one in state.steps if isinstance(one.event, kind))


def _list(view: DrawState, commitment: DrawCommitted, listed: EntryList) -> Iterator[Check]:
    count, tickets = len(listed.entries), listed.tickets
    same = (count, tickets, view.closed_position)
    said = (commitment.entries, commitment.tickets, commitment.closed_position)
    yield _checked(
        "list", same == said, f"{count:,} entries with {tickets:,} tickets, as committed to",
        f"the log gives {count:,} entries with {tickets:,} tickets up to the closing, committed "
        f"to were {commitment.entries:,} with {commitment.tickets:,}",
    )  # fmt: skip
    root = root_of(listed.entries)
    yield _checked(
        "root", root == commitment.root, f"the root of the list is {root}",
        f"the root of the list is {root}, committed to was {commitment.root}",
    )  # fmt: skip


def _commitment(state: State, commitment: DrawCommitted) -> Iterator[Check]:
    recorded = _recorded(state, DrawCommitted)
    due, drand = commitment.due, commitment.drand
    yield _checked(
        "commitment", recorded < due, f"recorded {recorded}, before the value was due at {due}",
        f"recorded {recorded}, when the value was due at {due} already",
    )  # fmt: skip
    if drand is None:
        named = commitment.result.name if commitment.result else "nothing"
        what = f"that {named!r} was not known before {due} is what its organiser has to say"
        yield Check("time of the value", "unchecked", what)
        return
    right = drand.chain.hash == drand.chain_hash and drand.due == due
    yield _checked(
        "time of the value", right,
        f"round {drand.round:,} of chain {drand.chain_hash} is due {due}, by the genesis and the "
        "period that the chain's hash commits to",
        f"round {drand.round:,} of chain {drand.chain.hash} is due {drand.due}: said was {due} of "
        f"{drand.chain_hash}",
    )  # fmt: skip


def _value(state: State, commitment: DrawCommitted, value: DrawValueRecorded) -> Iterator[Check]:
    recorded = _recorded(state, DrawValueRecorded)
    drand = commitment.drand
    said = bytes.fromhex(value.signature) if value.signature else (value.result or "").encode()
    fits = (drand is not None) == (value.signature is not None)
    right = fits and recorded >= commitment.due and sha256(said).hexdigest() == value.randomness
    what = "signature of the round" if drand else "text of the result"
    yield _checked(
        "value", right, f"recorded {recorded}; it is the SHA-256 of the {what}",
        f"recorded {recorded}; it is not the SHA-256 of what was named, or was not due",
    )  # fmt: skip
    if drand is None:
        yield Check(
            "source", "unchecked", f"compare the result with its organiser's: {value.result}"
        )
        return
    address = f"https://api.drand.sh/{drand.chain_hash}/public/{drand.round}"
    what = f"the BLS signature of the round is not checked here: compare it with {address}"
    yield Check("source", "unchecked", what)


def _late(history: History, view: DrawState, listed: EntryList, due: datetime) -> Check:
    """What was taken back after the value may have been known: allowed, and to be seen."""
    terms, closed, until = view.terms, view.closed_position, view.value_position
    assert terms is not None
    assert closed is not None
    assert until is not None
    late: list[str] = []
    if listed.taken_back or listed.excluded:
        then = max(history.position_at(due, until), closed)
        before = list_at(history, terms, closed, then)
        late += sorted(listed.taken_back - before.taken_back)
        late += sorted(f"member {one}" for one in listed.excluded - before.excluded)
    what = f"{len(late):,} were taken back or excluded after the value was due"
    shown = ", ".join(late[:LATE_SHOWN])
    return Check("late changes", "note", f"{what}: {shown}" if late else what)


def _winners(history: History, draw_id: str, outcome: Outcome, until: int) -> Iterator[Check]:
    facts = history.facts(
        [f"draw:{draw_id}"],
        (DrawDrawn, DrawPlaced, DrawEntryPassedOver, DrawPrizeForfeited, DrawPrizePassedOn),
        until,
    )
    events: list[Any] = [one.event for one in facts]
    placed = [
        (e.place, e.rank, e.entry, e.member_id, e.prize)
        for e in events if isinstance(e, DrawPlaced)
    ]  # fmt: skip
    due = [(p.place, p.rank, p.entry.name, p.entry.member_id, p.prize) for p in outcome.placed]
    same = list(takewhile(lambda pair: pair[0] == pair[1], zip(placed, due, strict=False)))
    yield _checked(
        "winners", placed == due, f"{len(due):,} places, as the list and the value give them",
        f"place {len(same) + 1} is not whose the list and the value make it",
    )  # fmt: skip
    said = [(e.rank, e.entry, e.reason) for e in events if isinstance(e, DrawEntryPassedOver)]
    skipped = [(one.rank, one.entry.name, one.reason) for one in outcome.skipped]
    [drawn] = [e for e in events if isinstance(e, DrawDrawn)][:1]
    counted = (drawn.winners + drawn.reserves, drawn.passed_over)
    right = said == skipped[:PASSED_OVER_SAID_MAX] and counted == (len(due), len(skipped))
    yield _checked(
        "passed over", right, f"{len(skipped):,} entries, which the log says count no more",
        f"the log gives {len(skipped):,} entries that count no more, said were {len(said):,}",
    )  # fmt: skip
    yield _passed_on(events, drawn.winners)


def _passed_on(events: list[Any], winners: int) -> Check:
    """Each prize that was forfeited went to the next reserve in order."""
    places = sum(isinstance(one, DrawPlaced) for one in events)
    forfeited = [one.place for one in events if isinstance(one, DrawPrizeForfeited)]
    expected = list(zip(range(winners + 1, places + 1), forfeited, strict=False))
    said = [(e.place, e.forfeited_place) for e in events if isinstance(e, DrawPrizePassedOn)]
    return _checked(
        "reserves", said == expected,
        f"{len(forfeited):,} prizes were forfeited, {len(said):,} went to the next reserve",
        "a prize that was forfeited did not go to the next reserve",
    )  # fmt: skip
