"""Reading the reward catalogue, and members' rewards with their codes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from api import cursors
from api.call import call_of, projected
from api.described import reads
from api.errors import NoSuchItem, NoSuchReward
from api.limits import PAGE_DEFAULT
from api.members import Member
from api.parameters import (
    AsOf,
    At,
    KeyCursor,
    KnownAt,
    PageLimit,
    identifier,
    instant,
    when as when_of,
)
from api.positions import MinPosition
from projections import reward_catalogue
from projections.reader import Reader
from projections.reward_catalogue import CatalogueEntry, MemberReward
from projections.reward_items import REWARD_ITEMS

Item = Annotated[str, identifier("The item's id.")]
Reward = Annotated[str, identifier("The reward's id.")]


class CataloguePage(msgspec.Struct, frozen=True):
    """A page of the catalogue, by id."""

    items: tuple[CatalogueEntry, ...]
    next: str | None
    """The cursor of the next page; null at the end."""


class RewardPage(msgspec.Struct, frozen=True):
    """A page of a member's rewards, by id."""

    rewards: tuple[MemberReward, ...]
    next: str | None
    """The cursor of the next page; null at the end."""


@reads("/items", CataloguePage, tag="catalogue")
async def list_items(
    request: Request[Any, Any, Any],
    limit: PageLimit = PAGE_DEFAULT,
    cursor: KeyCursor = None,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List the reward catalogue: each item with its terms, and what is left of it."""
    call, when = call_of(request), when_of(as_of, known_at)
    after, stated = cursors.key_of(cursor) or "", instant("at", at) or when.shown_at

    def page(reader: Reader) -> CataloguePage:
        shown_at = stated or datetime.now(UTC)
        found = reward_catalogue.items(reader, shown_at, after=after, limit=limit)
        # A full page may be the last one; then the next is empty.
        more = len(found) == limit
        return CataloguePage(found, cursors.of_key(found[-1].item_id) if more else None)

    return await call.read(
        projected(call, page, REWARD_ITEMS, when=when),
        min_position=min_position,
        when=when,
        instant=lambda page: page.items[0].at if page.items else None,
    )


@reads("/items/{item_id:str}", CatalogueEntry, problems=(NoSuchItem,), tag="catalogue")
async def read_item(
    request: Request[Any, Any, Any],
    item_id: Item,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read an item: its terms, what is left, and how much of it was granted, used and withdrawn."""
    call, when = call_of(request), when_of(as_of, known_at)
    stated = instant("at", at) or when.shown_at

    def found(reader: Reader) -> CatalogueEntry | None:
        return reward_catalogue.item(reader, item_id, stated or datetime.now(UTC))

    return await call.read(
        projected(call, found, REWARD_ITEMS, when=when),
        min_position=min_position,
        when=when,
        absent=NoSuchItem,
        instant=lambda item: item.at,
    )


@reads("/members/{member_id:str}/rewards", RewardPage, tag="rewards")
async def list_rewards(
    request: Request[Any, Any, Any],
    member_id: Member,
    limit: PageLimit = PAGE_DEFAULT,
    cursor: KeyCursor = None,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """List a member's rewards, with their states, and their codes for a key that may see them.

    Who has the codes opened is written down in the access log, for the member.
    """
    call, when = call_of(request), when_of(as_of, known_at)
    after, stated = cursors.key_of(cursor) or "", instant("at", at) or when.shown_at

    def page(reader: Reader) -> RewardPage:
        shown_at = stated or datetime.now(UTC)
        found = reward_catalogue.of_member(reader, member_id, shown_at, after=after, limit=limit)
        more = len(found) == limit
        return RewardPage(found, cursors.of_key(found[-1].reward_id) if more else None)

    return await call.read(
        projected(call, page, REWARD_ITEMS, when=when),
        min_position=min_position,
        when=when,
        instant=lambda page: page.rewards[0].at if page.rewards else None,
        about=lambda _: [f"member:{member_id}"],
    )


@reads("/rewards/{reward_id:str}", MemberReward, problems=(NoSuchReward,), tag="rewards")
async def read_reward(
    request: Request[Any, Any, Any],
    reward_id: Reward,
    at: At = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
) -> Response[bytes]:
    """Read a reward and its state at an instant, and its code for a key that may see it.

    Who has the code opened is written down in the access log, for the member.
    """
    call, when = call_of(request), when_of(as_of, known_at)
    stated = instant("at", at) or when.shown_at

    def found(reader: Reader) -> MemberReward | None:
        return reward_catalogue.reward(reader, reward_id, stated or datetime.now(UTC))

    return await call.read(
        projected(call, found, REWARD_ITEMS, when=when),
        min_position=min_position,
        when=when,
        absent=NoSuchReward,
        instant=lambda reward: reward.at,
        about=lambda reward: [f"member:{reward['member_id']}"] if reward["member_id"] else [],
    )


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    list_items, read_item, list_rewards, read_reward,
)  # fmt: skip
