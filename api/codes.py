"""Codes of vouchers: supplying them, and finding what a code that somebody shows is good for."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from api.answers import JSON, Ready
from api.bodies import body_of, decoded
from api.call import call_of, projected
from api.described import Answer, looks_up, writes
from api.errors import InvalidBody, NoSuchCode
from api.limits import BATCH_EVENTS_MAX
from api.positions import HEADER, MinPosition
from api.threads import in_thread
from domain.codes import Grants
from domain.errors import InvalidEvent
from domain.types import ItemID, MemberID
from projections import reward_catalogue
from projections.reader import Reader
from projections.reward_catalogue import MemberReward
from projections.reward_items import REWARD_ITEMS
from store.codes import generated, supply_codes
from store.credentials import Scope

CODE_LENGTH_MAX: Final = 200
CodeText = Annotated[
    str, Meta(pattern=r"^[ -~]*[A-Za-z0-9][ -~]*$", min_length=1, max_length=CODE_LENGTH_MAX)
]
"""Printable ASCII with at least one letter or digit."""
CODE_REWARDS_MAX: Final = 100
"""Rewards that one look-up of a shared code shows; name the member to see theirs."""


class ShownCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code that somebody shows."""

    code: CodeText
    """Spaces, hyphens and capitals make no difference."""
    member_id: MemberID | None = None
    """Who shows it, where others have the same code."""


class FoundCode(msgspec.Struct, frozen=True):
    """What a code is good for."""

    voucher_id: str
    rewards: tuple[MemberReward, ...]
    """The rewards that it was given with; redeem one of them by its id."""


class NewCodes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Codes for an item: those that somebody made, or so many that are made here."""

    codes: Annotated[tuple[CodeText, ...], Meta(max_length=BATCH_EVENTS_MAX)] = ()
    generate: Annotated[int, Meta(ge=0, le=BATCH_EVENTS_MAX)] = 0
    """Of 80 random bits each. Sent again, this makes others."""
    grants_max: Grants = 1
    """To how many members each is given: more than one share it."""


class SuppliedCodes(msgspec.Struct, frozen=True):
    """What became of them."""

    supplied: int
    known: int
    """Those that had been supplied before, for this item or another one, and were not again."""


_shown: Final = msgspec.json.Decoder(ShownCode).decode
_new: Final = msgspec.json.Decoder(NewCodes).decode
_ITEM_ID: Final = {"item_id": ItemID}


@looks_up("/codes/lookup", FoundCode, ShownCode, problems=(NoSuchCode,), tag="rewards")
async def look_up_code(
    request: Request[Any, Any, Any], min_position: MinPosition = None
) -> Response[bytes]:
    """Find the rewards that a code was given with, so that one can be redeemed by its id.

    What is asked stands in the body, so that no address and no log ever holds the code.
    """
    call = call_of(request)
    asked = decoded(await body_of(call.request, JSON), _shown)
    voucher_id = await in_thread(_voucher, call.ledger.vault, asked.code)

    def found(reader: Reader) -> FoundCode | None:
        if voucher_id is None:
            return None
        rewards = reward_catalogue.of_voucher(
            reader, voucher_id, asked.member_id, datetime.now(UTC), limit=CODE_REWARDS_MAX
        )
        return FoundCode(voucher_id, rewards) if rewards else None

    return await call.read(
        projected(call, found, REWARD_ITEMS), min_position=min_position, absent=NoSuchCode,
        etag=False,
    )  # fmt: skip


def _voucher(vault: Any, code: str) -> str | None:
    try:
        found: str | None = vault.find("voucher", code)
    except InvalidEvent:  # hyphens alone: no code
        return None
    return found


@writes(
    "/items/{item_id:str}/codes",
    {201: Answer(SuppliedCodes, description="Recorded.", headers=(HEADER,))},
    {JSON: NewCodes},
    scopes=(Scope.COMMAND,),
    problems=(InvalidBody, InvalidEvent),
    path_types=_ITEM_ID,
    tag="catalogue",
)
async def supply_item_codes(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Supply codes for an item: some that somebody made, or so many that are made here.

    A code is sealed before it is recorded, found by a keyed digest, and given to one member (or to
    as many as `grants_max` says). Codes that are there already are not supplied again, so that
    sending a list again is safe.
    """
    call = call_of(request)
    asked = decoded(await body_of(call.request, JSON), _new)
    item_id = _item_id(request.path_params["item_id"])
    supplied_by = partial(
        supply_codes,
        call.ledger.primary,
        item_id,
        actor=call.access.actor,
        time=datetime.now(UTC),
        grants_max=asked.grants_max,
    )

    def supply() -> tuple[SuppliedCodes, int]:
        made = supplied_by(generated(asked.generate), origin="generated")
        given = supplied_by(asked.codes)
        position = given.position or made.position or call.served.head().position
        supplied = made.supplied + given.supplied
        return SuppliedCodes(supplied, made.known + given.known), position

    answer, position = await in_thread(supply)
    headers = {HEADER: await call.stamp(position)}
    return Ready(msgspec.json.encode(answer), status=201, headers=headers)


def _item_id(text: str) -> str:
    try:
        return msgspec.convert(text, ItemID)
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"item_id: {error}") from None


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (look_up_code, supply_item_codes)
