"""What proves the log to anybody: checkpoints, tiles and entries (C2SP tlog-tiles), receipts."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter

from api.answers import JSON
from api.call import call_of
from api.described import Answer, proves
from api.threads import in_thread
from domain.types import INTEGER_MAX
from store.merkle import TILE_WIDTH
from store.tree import NoSuchCheckpoint, NoSuchTile, NotSealedYet

TEXT: Final = "text/plain"
BYTES: Final = "application/octet-stream"
FOR_EVER: Final = "private, max-age=31536000, immutable"
"""What a tile holds never changes; it is not for caches that others read, since a key is asked."""
FOR_A_MOMENT: Final = "private, max-age=1"
LEVEL_MAX: Final = 63
PLACE: Final = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")

Level = Annotated[int, PathParameter(ge=0, le=LEVEL_MAX, description="The tile's level.")]
Place = Annotated[
    str,
    PathParameter(
        description="The tile's index in groups of three digits, all but the last after an `x`: "
        "`x001/x234/067`; of a partial tile, then `.p/` and its width.",
    ),
]
Sealed = Annotated[
    int, PathParameter(ge=1, le=INTEGER_MAX, description="The event's place in the ledger.")
]
Earlier = Annotated[int, QueryParameter(ge=1, le=INTEGER_MAX, description="A checkpoint's size.")]
Later = Annotated[
    int, QueryParameter(ge=1, le=INTEGER_MAX, description="The size of a later checkpoint.")
]
Size = Annotated[
    int | None,
    QueryParameter(ge=1, le=INTEGER_MAX, description="The checkpoint of this size; or the newest."),
]


class Continuation(msgspec.Struct, frozen=True):
    """What shows that the log of one size begins with that of another."""

    earlier: int
    later: int
    proof: list[str]
    """Hashes in base64, as RFC 6962 orders them."""


class PublicKeys(msgspec.Struct, frozen=True):
    """The public keys that ever signed, oldest first, each as `<name>+<key id>+<base64>`."""

    keys: list[str]


async def _answered(
    make: Callable[[], bytes | str], media_type: str, cache: str
) -> Response[bytes | str]:
    found = await in_thread(make)
    return Response(found, media_type=media_type, headers={"Cache-Control": cache})


@proves("/log/checkpoint", Answer({"type": "string"}, TEXT), (NotSealedYet, NoSuchCheckpoint))
async def read_checkpoint(
    request: Request[Any, Any, Any], size: Size = None
) -> Response[bytes | str]:
    """Read a signed checkpoint: how large the log is, and the root over all of it.

    A C2SP signed note, with the signatures of witnesses. Keep it: a log that is cut short or
    replaced later does not fit it.
    """
    return await _answered(
        lambda: call_of(request).ledger.tree.checkpoint(size), TEXT, FOR_A_MOMENT
    )


@proves(
    "/log/tile/{level:int}/{place:path}",
    Answer({"type": "string", "format": "binary"}, BYTES),
    (NoSuchTile,),
)
async def read_tile(
    request: Request[Any, Any, Any], level: Level, place: Place
) -> Response[bytes | str]:
    """Read a tile: up to 256 hashes of the Merkle tree, side by side."""
    index, width = _place_of(place)
    return await _answered(
        lambda: call_of(request).ledger.tree.tile(level, index, width), BYTES, FOR_EVER
    )


@proves(
    "/log/tile/entries/{place:path}",
    Answer({"type": "string", "format": "binary"}, BYTES),
    (NoSuchTile,),
)
async def read_entries(request: Request[Any, Any, Any], place: Place) -> Response[bytes | str]:
    """Read the entries of a tile of level 0: each after its length in two bytes, big-endian.

    They are as they were hashed, so sealed values stay sealed, whatever the key may see.
    """
    index, width = _place_of(place)
    return await _answered(
        lambda: call_of(request).ledger.tree.bundle(index, width), BYTES, FOR_EVER
    )


@proves("/log/receipts/{position:int}", Answer({"type": "string"}, TEXT), (NotSealedYet,))
async def read_receipt(request: Request[Any, Any, Any], position: Sealed) -> Response[bytes | str]:
    """Read what proves that the event at a position is in the log (C2SP tlog-proof).

    The hashes that lead from the entry to the root, and the signed checkpoint: whoever has the
    entry and the public key can check it, without this server.
    """
    return await _answered(
        lambda: call_of(request).ledger.tree.receipt(position).text, TEXT, FOR_A_MOMENT
    )


@proves("/log/consistency", Answer(Continuation), (NoSuchCheckpoint,))
async def read_consistency(
    request: Request[Any, Any, Any], earlier: Earlier, later: Later
) -> Response[Continuation]:
    """Read what shows that one checkpoint continues another."""
    proof = await in_thread(call_of(request).ledger.tree.consistency, earlier, later)
    found = Continuation(earlier, later, [b64encode(one).decode() for one in proof])
    return Response(found, media_type=JSON, headers={"Cache-Control": FOR_EVER})


@proves("/log/keys", Answer(PublicKeys), ())
async def read_keys(request: Request[Any, Any, Any]) -> Response[PublicKeys]:
    """Read the public keys that signed. Compare them with those that you have by another way."""
    keys = await in_thread(call_of(request).ledger.tree.verifiers)
    return Response(PublicKeys([str(key) for key in keys]), media_type=JSON)


def _place_of(place: str) -> tuple[int, int]:
    """Index and width of a tile, from its address."""
    found = PLACE.fullmatch(place.removeprefix("/"))
    width = int(found[2] or TILE_WIDTH) if found else 0
    if found is None or (found[2] and width >= TILE_WIDTH):
        raise NoSuchTile(place=place)
    return int(found[1].replace("x", "").replace("/", "")), width


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    read_checkpoint, read_tile, read_entries, read_receipt, read_consistency, read_keys,
)  # fmt: skip
