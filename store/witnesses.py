"""Witnesses: outsiders who see each checkpoint, check that it continues the last, and cosign it.

The protocol is C2SP's `tlog-witness`. Whoever wants to show two people two different histories
would have to deceive the witnesses too.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import structlog

from domain.errors import FilrougeError
from store.notes import InvalidNote, Verifier, opened, signature_lines
from store.tree import LogTree

WITNESS_SECONDS_MAX: Final = 10
ANSWER_BYTES_MAX: Final = 100_000
WITNESSES_MAX: Final = 20
SIZE_ANSWER: Final = "text/x.tlog.size"

log = structlog.get_logger()


class WitnessesInvalid(FilrougeError):
    """The file of the witnesses has one on each line: its public key, a space, its address."""


class WitnessRefused(FilrougeError):
    """A witness does not cosign; the message has what it said."""


class Witness(NamedTuple):
    """One outsider: the key that cosigns, and where it is asked."""

    verifier: Verifier
    url: str
    """The submission prefix."""


def witnesses_in(path: Path) -> list[Witness]:
    """Read a file of witnesses; empty lines and those that begin with # are left out."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        vkey, _, url = line.strip().partition(" ")
        if urlsplit(url).scheme not in {"http", "https"}:
            raise WitnessesInvalid(f"{path}, line {number}: after the key comes an http address")
        try:
            verifier = Verifier.parse(vkey)
        except InvalidNote as error:
            raise WitnessesInvalid(f"{path}, line {number}: {error}") from None
        if not verifier.cosigner:
            raise WitnessesInvalid(f"{path}, line {number}: this key signs logs, it cosigns none")
        found.append(Witness(verifier, url.strip().rstrip("/")))
    if len(found) > WITNESSES_MAX:
        raise WitnessesInvalid(f"{path} has more than {WITNESSES_MAX} witnesses")
    return found


def ask_witnesses(tree: LogTree, witnesses: Iterable[Witness]) -> None:
    """Have the newest checkpoint cosigned, and keep what they sign. One that fails is logged."""
    note = tree.checkpoint()
    checkpoint, _ = opened(note, tree.verifiers())
    for witness in witnesses:
        if f"— {witness.verifier.name} " in note:
            continue  # it has signed this one
        try:
            lines = _cosigned(tree, witness, checkpoint.size, note)
        except (WitnessRefused, InvalidNote, OSError, HTTPException) as error:
            log.warning("witness.failed", witness=witness.verifier.name, error=str(error))
        else:
            tree.cosigned(checkpoint.size, lines)
            log.info("witness.cosigned", witness=witness.verifier.name, size=checkpoint.size)


def _cosigned(tree: LogTree, witness: Witness, size: int, note: str) -> list[str]:
    """The witness's own signature lines under a checkpoint, checked."""
    status, kind, answer = _ask(tree, witness, 0, size, note)
    if status == HTTPStatus.CONFLICT and kind == SIZE_ANSWER:
        seen = answer.strip()
        if not (seen.isascii() and seen.isdecimal() and 0 < int(seen) <= size):
            raise WitnessRefused(f"it has seen a log of {seen[:20]!r} entries, and this has {size}")
        status, kind, answer = _ask(tree, witness, int(seen), size, note)
    if status != HTTPStatus.OK:
        raise WitnessRefused(f"it answered {status}: {answer[:200].strip()}")
    lines = [line for line in signature_lines(answer) if f"— {witness.verifier.name} " in line]
    body = note.rpartition("\n\n")[0]
    opened(f"{body}\n\n{''.join(lines)}", [witness.verifier])
    return lines


def _ask(tree: LogTree, witness: Witness, seen: int, size: int, note: str) -> tuple[int, str, str]:
    """Submit a checkpoint with the proof that it continues what the witness has seen."""
    proof = "".join(f"{b64encode(one).decode()}\n" for one in tree.proof_between(seen, size))
    request = Request(  # noqa: S310 - the scheme was checked when the file was read
        f"{witness.url}/add-checkpoint", f"old {seen}\n{proof}\n{note}".encode(), method="POST"
    )
    try:
        with urlopen(request, timeout=WITNESS_SECONDS_MAX) as answer:  # noqa: S310 - as above
            return _said(answer.status, answer.headers, answer.read(ANSWER_BYTES_MAX))
    except HTTPError as error:
        with error:
            return _said(error.code, error.headers, error.read(ANSWER_BYTES_MAX))
    except URLError as error:
        raise WitnessRefused(f"it cannot be reached: {error.reason}") from error


def _said(status: int, headers: Message, body: bytes) -> tuple[int, str, str]:
    return status, headers.get_content_type(), body.decode(errors="replace")
