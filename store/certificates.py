"""Certificates of erasure: a signed statement, the event that it speaks of, and its proof.

The statement is a signed note (C2SP), by the keys that sign the log. The first one is issued when
the keys of a person are destroyed; the second, *final* one when every epoch key is destroyed that
ever wrapped them, so that no backup can bring them back. Whoever has the public key can check both
without this server.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
import psycopg

from domain.envelope import Recorded, decode_entry
from domain.erasures import ERASED
from domain.errors import FilrougeError
from store.erasures import Erasures
from store.log import Log
from store.log_keys import LogKeys, origin_of
from store.merkle import leaf_hash, root_of_inclusion
from store.notes import InvalidNote, Verifier, opened, opened_text, signed_text
from store.tree import PROOF_FORM, Connect, LogTree
from store.vault_erasures import Applied
from store.vault_rotation import Rotation

STATEMENT_FORM: Final = "filrouge/erasure-certificate/v1"
FINAL_FORM: Final = "filrouge/final-erasure-certificate/v1"
BUNDLE_FORM: Final = "filrouge.erasure-certificate.v1"


class NotCertifiedYet(FilrougeError):
    """No certificate of this erasure was issued yet: it is when its keys are destroyed and sealed.

    The first one comes within seconds of the erasure; the final one when the epoch keys are
    destroyed, with ``filrouge vault rotate --finish``.
    """


class CertificateInvalid(FilrougeError):
    """The certificate does not hold: it was changed, or is not signed by a key that is trusted."""


class Proven(msgspec.Struct, frozen=True):
    """An event of the log, with what proves that it is there."""

    position: int
    entry: Annotated[str, msgspec.Meta(description="The exact text that is hashed.")]
    receipt: Annotated[str, msgspec.Meta(description="C2SP tlog-proof, with the checkpoint.")]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What a person can be given: a statement, signed, and the events that it speaks of."""

    form: str = BUNDLE_FORM
    statement: Annotated[str, msgspec.Meta(description="A C2SP signed note.")]
    events: list[Proven]


class Certificates:
    """The certificates of one ledger."""

    def __init__(self, connect: Connect, source: Log, tree: LogTree, erasures: Erasures) -> None:
        self._connect = connect
        self._log = source
        self._tree = tree
        self._erasures = erasures

    def issue(self, keys: LogKeys) -> int:
        """Sign what has become true since the last time, of sealed events; returns how many."""
        issued = 0
        while pending := self._erasures.vault.uncertified(self._tree.signed_size()):
            done = []
            for applied in pending:
                issued += self._issue(applied, keys)
                done.append((applied, 1 if applied.final_at is None else 2))
            self._erasures.vault.certified(done)
        return issued

    def read(self, position: int, *, final: bool = False) -> Certificate:
        """The certificate of the erasure at a position. Raises NotCertifiedYet, NotSealedYet."""
        epoch = self._log.head().epoch
        with self._connect() as connection:
            row = connection.execute(
                "SELECT note FROM certificates WHERE (epoch, position, final) = (%s, %s, %s)",
                [epoch, position, final],
            ).fetchone()
        if row is None:
            raise NotCertifiedYet(position=position)
        positions = [position, *_positions_in(row[0])] if final else [position]
        return Certificate(
            statement=row[0],
            events=[
                Proven(
                    one.envelope.position,
                    one.entry.decode(),
                    self._tree.receipt(one.envelope.position).text,
                )
                for one in self._log.entries(positions)
            ],
        )

    def _issue(self, applied: Applied, keys: LogKeys) -> int:
        recorded = self._log.entry(applied.position)
        if recorded is None or not isinstance(recorded.event, ERASED):
            return 0  # of a log that was restored since
        origin = origin_of(self._tree.ledger_id, applied.epoch)
        texts = [(False, _statement(origin, recorded, applied))] if not applied.certificates else []
        if applied.final_at is not None:
            rotation = Rotation(self._erasures.tables)
            destroyed = rotation.positions(applied.epoch_keys)
            texts.append((True, _final(origin, recorded, applied, destroyed)))
        with self._connect() as connection:
            for final, text in texts:
                self._keep(connection, applied, final=final, note=_signed(text, keys, origin))
        return len(texts)

    @staticmethod
    def _keep(connection: psycopg.Connection, one: Applied, *, final: bool, note: str) -> None:
        connection.execute(
            "INSERT INTO certificates (epoch, position, final, note) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [one.epoch, one.position, final, note],
        )


def check(certificate: Certificate, trusted: Iterable[Verifier]) -> list[str]:
    """Check a certificate with nothing but public keys; returns the lines of its statement.

    Raises:
        CertificateInvalid: a signature, a proof, or what they speak of, is wrong.

    """
    trusted = list(trusted)
    try:
        body, _ = opened_text(certificate.statement, trusted)
        lines = body.splitlines()
        proven = {one.position: _checked(one, trusted) for one in certificate.events}
    except InvalidNote as error:
        raise CertificateInvalid(str(error)) from None
    said = dict(line.split(" ", 1) for line in lines[1:])
    if lines[0] not in {STATEMENT_FORM, FINAL_FORM}:
        raise CertificateInvalid("this is no certificate of erasure")
    position = int(said["position"])
    if position not in proven or b64encode(proven[position]).decode() != said["leaf"]:
        raise CertificateInvalid("the event is not the one that the statement speaks of")
    if lines[0] == FINAL_FORM and not set(_positions_in(certificate.statement)) <= proven.keys():
        raise CertificateInvalid("the destruction of an epoch key is not proven")
    return lines


def _checked(one: Proven, trusted: list[Verifier]) -> bytes:
    """The leaf of an event whose receipt holds."""
    head, _, note = one.receipt.partition("\n\n")
    form, index, *hashes = head.splitlines()
    checkpoint, _ = opened(note, trusted)
    leaf = leaf_hash(one.entry.encode())
    proof = [b64decode(line) for line in hashes]
    if (
        form != PROOF_FORM
        or index != f"index {one.position - 1}"
        or root_of_inclusion(one.position - 1, checkpoint.size, leaf, proof) != checkpoint.root
    ):
        raise CertificateInvalid(f"the event at {one.position} is not in the log that was signed")
    return leaf


def _signed(text: str, keys: LogKeys, origin: str) -> str:
    return signed_text(text, keys.signers(origin))


def _said(form: str, origin: str, recorded: Recorded, applied: Applied) -> list[str]:
    return [
        form,
        f"ledger {origin}",
        f"subject {applied.subject}",
        f"event {recorded.envelope.type}",
        f"position {applied.position}",
        f"leaf {b64encode(leaf_hash(recorded.entry)).decode()}",
        f"destroyed {applied.keys} keys and {applied.digests} look-up digests",
        f"destroyed-at {_instant(applied.applied_at)}",
        f"epoch-keys {' '.join(applied.epoch_keys) or '-'}",
    ]


def _statement(origin: str, recorded: Recorded, applied: Applied) -> str:
    event = decode_entry(recorded.entry, applied.position).event
    assert isinstance(event, ERASED)
    lines = _said(STATEMENT_FORM, origin, recorded, applied)
    lines.append(f"irrecoverable-by {_instant(event.irrecoverable_at)}")
    return "".join(f"{line}\n" for line in lines)


def _final(
    origin: str, recorded: Recorded, applied: Applied, destroyed: list[tuple[str, int]]
) -> str:
    assert applied.final_at is not None
    lines = _said(FINAL_FORM, origin, recorded, applied)
    lines.append(f"irrecoverable-since {_instant(applied.final_at)}")
    places = " ".join(f"{name}@{position}" for name, position in destroyed)
    lines.append(f"epoch-keys-destroyed {places or '-'}")
    return "".join(f"{line}\n" for line in lines)


def _positions_in(statement: str) -> list[int]:
    """Where the log says that the epoch keys of a final certificate were destroyed."""
    for line in statement.splitlines():
        name, _, places = line.partition(" ")
        if name == "epoch-keys-destroyed" and places != "-":
            return [int(place.rpartition("@")[2]) for place in places.split()]
    return []


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
