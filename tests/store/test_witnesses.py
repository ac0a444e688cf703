"""Checkpoints are cosigned by outsiders, who see only a history that continues."""

import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from store.ledger import Ledger
from store.merkle import is_consistent
from store.notes import Checkpoint, Verifier, opened
from store.tree_sealer import TreeSealer
from store.witnesses import Witness, WitnessesInvalid, ask_witnesses, witnesses_in
from tests.store.test_tree import KEYS, record

STAMP = 1_767_225_600


class WitnessServer(ThreadingHTTPServer):
    """A witness as C2SP's specification says, over real HTTP."""

    def __init__(self, trusted: list[Verifier]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.trusted = trusted
        self.seen = Checkpoint("", 0, b"")
        self.lies = False
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = Verifier("witness.example/w1", public, cosigner=True)

    @property
    def witness(self) -> Witness:
        """As a log knows it."""
        return Witness(self.verifier, f"http://127.0.0.1:{self.server_address[1]}")

    def cosign(self, body: str) -> str:
        """A signature line over the text of a checkpoint, with the time."""
        message = f"cosignature/v1\ntime {STAMP}\n{body}".encode()
        signature = self._key.sign(b"lie" if self.lies else message)
        octets = self.verifier.key_id + STAMP.to_bytes(8, "big") + signature
        return f"— {self.verifier.name} {b64encode(octets).decode()}\n"


class Handler(BaseHTTPRequestHandler):
    """``add-checkpoint``."""

    server: WitnessServer

    def do_POST(self) -> None:
        """Check, remember, cosign."""
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        head, _, note = sent.partition("\n\n")
        old, *proof = head.split("\n")
        size, seen = int(old.removeprefix("old ")), self.server.seen
        checkpoint, _ = opened(note, self.server.trusted)
        if size != seen.size:
            self._answer(409, f"{seen.size}\n", "text/x.tlog.size")
        elif size and not is_consistent(
            size, seen.root, checkpoint.size, checkpoint.root, [b64decode(one) for one in proof]
        ):
            self._answer(422, "not consistent", "text/plain")
        else:
            self.server.seen = checkpoint
            self._answer(200, self.server.cosign(checkpoint.body), "text/plain")

    def _answer(self, status: int, text: str, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing is written to stderr."""


@pytest.fixture
def server(ledger: Ledger) -> Iterator[WitnessServer]:
    """A witness that knows the log."""
    ledger.tree.grow(KEYS)
    with WitnessServer(ledger.tree.verifiers()) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_checkpoints_are_cosigned(ledger: Ledger, server: WitnessServer) -> None:
    """The first, and each that continues it; who trusts only the witness can open the note."""
    for step in range(3):
        record(ledger, 300, 300 * step)
        size = ledger.tree.grow(KEYS)
        ask_witnesses(ledger.tree, [server.witness])
        checkpoint, signed_by = opened(ledger.tree.checkpoint(), [server.verifier])
        assert (checkpoint.size, signed_by) == (size, [server.verifier])
        assert server.seen == checkpoint


def test_it_is_asked_once_for_each_checkpoint(ledger: Ledger, server: WitnessServer) -> None:
    """Nothing new, no question."""
    ask_witnesses(ledger.tree, [server.witness])
    note = ledger.tree.checkpoint()
    server.seen = Checkpoint("", 0, b"")
    ask_witnesses(ledger.tree, [server.witness])
    assert server.seen.size == 0
    assert ledger.tree.checkpoint() == note


def test_a_lie_is_not_kept(ledger: Ledger, server: WitnessServer) -> None:
    """A signature that does not verify is thrown away; so is an answer from nowhere."""
    server.lies = True
    nowhere = server.witness._replace(url="http://127.0.0.1:9")
    before = ledger.tree.checkpoint()
    ask_witnesses(ledger.tree, [server.witness, nowhere])
    assert ledger.tree.checkpoint() == before


def test_a_witness_that_saw_another_history_does_not_sign(
    ledger: Ledger, server: WitnessServer
) -> None:
    """It has seen another root of a size that we have: it refuses, and nothing is kept."""
    record(ledger, 5)
    ledger.tree.grow(KEYS)
    server.seen = Checkpoint("filrouge/l_test/1", 3, bytes(32))
    before = ledger.tree.checkpoint()
    ask_witnesses(ledger.tree, [server.witness])
    assert ledger.tree.checkpoint() == before


def test_the_sealer_signs_and_asks(ledger: Ledger, server: WitnessServer) -> None:
    """What is recorded is sealed and cosigned by the time it has ended."""
    sealer = TreeSealer(ledger.tree, KEYS, witnesses=[server.witness], interval_seconds=0.1).start()
    record(ledger, 40)
    sealer.close()
    assert opened(ledger.tree.checkpoint(), [server.verifier])[0].size == 41


def test_the_file_of_witnesses(tmp_path: Path, server: WitnessServer) -> None:
    """One on each line; what is wrong is named with its line."""
    file = tmp_path / "witnesses"
    file.write_text(f"# ours\n\n{server.verifier} {server.witness.url}/\n")
    assert witnesses_in(file) == [server.witness]
    signer = KEYS.verifiers("filrouge/l_test/1")[0]
    for line in ("nonsense http://x", f"{server.verifier} ftp://x", f"{signer} http://x"):
        file.write_text(f"{line}\n")
        with pytest.raises(WitnessesInvalid, match="line 1"):
            witnesses_in(file)
