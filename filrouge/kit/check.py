"""Check, with nothing but Python, that the entries beside this file are those that were signed.

    python3 check.py [FOLDER] [--key KEY] [--kept CHECKPOINT]

The entries are hashed into one Merkle tree (RFC 6962); its root must be the one in the signed
checkpoint (C2SP tlog-checkpoint), and the signature (Ed25519, RFC 8032) must be by the key that
you trust. Give --key the public key as you got it from the brand, not from this folder; and --kept
a checkpoint that you were given earlier: what it covered must still be there, unchanged.
"""

from __future__ import annotations

import argparse
import base64
import collections
import hashlib
import json
import pathlib
import sys
from typing import Optional, Tuple

Point = Tuple[int, int, int, int]

# --- Ed25519: verifying a signature (RFC 8032, section 5.1.7) ------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point(y: int, sign: int) -> Optional[Point]:
    """The point of the curve with this y, and with an x of this sign; None if there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def add(a: Point, b: Point) -> Point:
    """The sum of two points, in extended coordinates."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    e, g, h, f = f - e, h - g, h + g, e + f
    return (e * g % P, h * f % P, g * h % P, e * f % P)


def times(number: int, one: Point) -> Point:
    """A point, so many times."""
    total = (0, 1, 1, 0)
    while number:
        total = add(total, one) if number & 1 else total
        one, number = add(one, one), number >> 1
    return total


def decoded(octets: bytes) -> Optional[Point]:
    """The point that 32 bytes stand for."""
    number = int.from_bytes(octets, "little")
    return point(number & (1 << 255) - 1, number >> 255)


BASE = point(4 * pow(5, P - 2, P) % P, 0) or (0, 1, 1, 0)


def signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of the public key signed the message."""
    key, r, s = decoded(public), decoded(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or key is None or r is None or s >= L:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    left, right = times(s, BASE), add(r, times(int.from_bytes(digest, "little") % L, key))
    return not any((left[i] * right[2] - right[i] * left[2]) % P for i in (0, 1))


# --- The checkpoint: origin, size and root, then the signatures ----------------------------------
def opened(note: str, vkey: str) -> Tuple[int, bytes]:
    """The size and root that the owner of this public key has signed."""
    name, key_id, encoded = vkey.strip().split("+", 2)
    kind_and_key = base64.b64decode(encoded)
    expected = hashlib.sha256(name.encode() + b"\n" + kind_and_key).digest()[:4]
    if kind_and_key[:1] != b"\x01" or len(kind_and_key) != 33 or expected.hex() != key_id:
        sys.exit(f"WRONG: {vkey.strip()!r} is no Ed25519 public key of a log")
    body, _, lines = note.rpartition("\n\n")
    for line in lines.splitlines():
        _, signer, signature = line.split(" ")
        octets = base64.b64decode(signature)
        if (signer, octets[:4]) == (name, expected):
            if signed_by(kind_and_key[1:], body.encode() + b"\n", octets[4:]):
                _, size, root = body.split("\n")[:3]
                return int(size), base64.b64decode(root)
            sys.exit(f"WRONG: the signature of {name} is not over this checkpoint")
    sys.exit(f"WRONG: {name} has not signed this checkpoint")


# --- The tree: the roots of whole subtrees, from the largest to the smallest ---------------------
def grown(subtrees: list[Tuple[int, bytes]], entry: bytes) -> None:
    """Put an entry into the tree."""
    level, node = 0, hashlib.sha256(b"\x00" + entry).digest()
    while subtrees and subtrees[-1][0] == level:
        node = hashlib.sha256(b"\x01" + subtrees.pop()[1] + node).digest()
        level += 1
    subtrees.append((level, node))


def root_of(subtrees: list[Tuple[int, bytes]]) -> bytes:
    """The root over all entries that were put in."""
    node = subtrees[-1][1]
    for _, left in reversed(subtrees[:-1]):
        node = hashlib.sha256(b"\x01" + left + node).digest()
    return node


def main() -> None:
    """Check a folder; end with 0 if everything holds, and with a reason otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", default=pathlib.Path(__file__).parent)
    parser.add_argument("--key", help="the public key that you trust (default: the folder's)")
    parser.add_argument("--kept", action="append", default=[], help="an earlier checkpoint's file")
    given = parser.parse_args()
    folder = pathlib.Path(given.folder)
    vkey = given.key or (folder / "key").read_text()
    notes = [pathlib.Path(path).read_text() for path in given.kept]
    promised = sorted(opened(note, vkey) for note in [*notes, (folder / "checkpoint").read_text()])
    subtrees: list[Tuple[int, bytes]] = []
    kinds: collections.Counter[str] = collections.Counter()
    count = 0
    with (folder / "entries.ndjson").open("rb") as lines:
        for count, line in enumerate(lines, 1):
            grown(subtrees, line.rstrip(b"\n"))
            kinds[json.loads(line)["type"]] += 1
            while promised and promised[0][0] == count:
                size, root = promised.pop(0)
                if root_of(subtrees) != root:
                    sys.exit(f"WRONG: the first {size:,} entries are not those that were signed")
                print(f"ok: the first {size:,} entries are exactly those that were signed")
    if promised:
        sys.exit(f"WRONG: {promised[0][0]:,} entries were signed, and only {count:,} are here")
    for kind, number in sorted(kinds.items()):
        print(f"{number:>12,}  {kind}")
    print(f"{count:>12,}  entries in all, {vkey.split('+')[0]}")


if __name__ == "__main__":
    main()
