"""drand: public random values that nobody knows before their time, by chain and round.

A chain is named by its hash, and the hash commits to the chain's public key, its period and the
instant of its first round. So when a round is due follows from the chain's information by
arithmetic, and the information is checked against the name. See https://drand.love/docs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import ceil
from struct import pack
from typing import Annotated, Final

from msgspec import Meta

from domain.types import ID, Block

DEFAULT_BEACON: Final = "default"
ROUND_MAX: Final = 10**12
PERIOD_SECONDS_MAX: Final = 7 * 86_400
GENESIS_SECONDS_MAX: Final = 7_258_118_399
"""The last second before ``TIME_CEILING``."""

Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", min_length=64, max_length=64)]
"""32 bytes in lower-case hexadecimal."""
Signature = Annotated[str, Meta(pattern=r"^([0-9a-f]{96}|[0-9a-f]{192})$", max_length=192)]
"""A BLS signature in lower-case hexadecimal: 48 or 96 bytes, by the chain's scheme."""
PublicKey = Annotated[str, Meta(pattern=r"^([0-9a-f]{96}|[0-9a-f]{192})$", max_length=192)]
Round = Annotated[int, Meta(ge=1, le=ROUND_MAX)]


class Chain(Block, frozen=True, kw_only=True):
    """What a drand server says of a chain at ``/<chain hash>/info``."""

    public_key: PublicKey
    group_hash: Hash
    """The seed of the chain's first round."""
    genesis_time: Annotated[int, Meta(ge=0, le=GENESIS_SECONDS_MAX)]
    """When round 1 was due, in seconds since 1970."""
    period_seconds: Annotated[int, Meta(ge=1, le=PERIOD_SECONDS_MAX)]
    beacon_id: ID = DEFAULT_BEACON

    @property
    def hash(self) -> str:
        """The name of the chain: SHA-256 over what it commits to, as drand computes it."""
        beacon = b"" if self.beacon_id == DEFAULT_BEACON else self.beacon_id.encode()
        key, seed = bytes.fromhex(self.public_key), bytes.fromhex(self.group_hash)
        numbers = pack(">Iq", self.period_seconds, self.genesis_time)
        return sha256(numbers + key + seed + beacon).hexdigest()

    def due(self, number: int) -> datetime:
        """When a round is due: genesis + (round - 1) x period."""
        seconds = self.genesis_time + (number - 1) * self.period_seconds
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)

    def first_due(self, instant: datetime) -> int:
        """The first round that is due at an instant or later."""
        seconds = ceil(instant.timestamp()) - self.genesis_time
        return max(-(-seconds // self.period_seconds) + 1, 1)


class DrandRound(Block, frozen=True, kw_only=True):
    """One round of one chain, with what its time follows from."""

    chain_hash: Hash
    round: Round
    chain: Chain

    @property
    def due(self) -> datetime:
        """When the round is due."""
        return self.chain.due(self.round)


def _by_hash(chains: Iterable[Chain]) -> dict[str, Chain]:
    return {chain.hash: chain for chain in chains}


QUICKNET: Final = Chain(
    public_key=(
        "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
        "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
        "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
    ),
    group_hash="f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
    genesis_time=1_692_803_367,
    period_seconds=3,
    beacon_id="quicknet",
)
"""The League of Entropy's chain with a round every three seconds."""
MAINNET: Final = Chain(
    public_key=(
        "868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5c"
        "ce96366b5d7a569937c529eeda66c7293784a9402801af31"
    ),
    group_hash="176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a",
    genesis_time=1_595_431_050,
    period_seconds=30,
)
"""The League of Entropy's first chain, with a round every thirty seconds."""

WELL_KNOWN: Final = _by_hash((QUICKNET, MAINNET))
"""Chains whose information need not be given, by their hash."""


def randomness_of(signature: str) -> str:
    """The random value of a round: SHA-256 of its signature, in hexadecimal."""
    return sha256(bytes.fromhex(signature)).hexdigest()
