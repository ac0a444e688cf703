"""Who may do what: bearer keys, each with ledgers and scopes."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Collection
from functools import partial
from hashlib import sha256
from time import monotonic
from typing import Final, NamedTuple

from litestar.types import HTTPScope

from api.errors import NoSuchLedger, Unauthenticated
from api.limits import API_KEY_LENGTH_MAX
from api.parameters import header_of
from api.threads import in_thread
from domain.errors import NotPermitted
from store.credentials import EVERY_LEDGER, ApiKey, Credentials, Scope

KEYS_REMEMBERED_MAX: Final = 10_000


class Access(NamedTuple):
    """What the caller may do in the ledger that the address names."""

    key: ApiKey
    ledger: str

    def check(self, scopes: Collection[Scope]) -> None:
        """Refuse who has no key of this ledger with at least one of these scopes."""
        if not (EVERY_LEDGER in self.key.ledgers or self.ledger in self.key.ledgers):
            raise NoSuchLedger
        if not any(self.key.allows(self.ledger, scope) for scope in scopes):
            wanted = " or ".join(f"`{scope}`" for scope in scopes)
            raise NotPermitted(f"this needs a key with the scope {wanted}", scopes=list(scopes))

    @property
    def actor(self) -> str:
        """Who stands in the envelope of what the caller records: never a name."""
        return f"key:{self.key.id}"

    @property
    def personal(self) -> bool:
        """Whether sealed values are opened for the caller."""
        return self.key.allows(self.ledger, Scope.PERSONAL)

    @property
    def admin(self) -> bool:
        """Whether the caller may bring in decided events."""
        return self.key.allows(self.ledger, Scope.ADMIN)


class Gate:
    """Knows the keys. What it looked up it believes for a few seconds, and no longer."""

    def __init__(self, credentials: Credentials, *, remember_seconds: float) -> None:
        self._credentials = credentials
        self._remember_seconds = remember_seconds
        self._known: OrderedDict[bytes, tuple[float, ApiKey]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Future[ApiKey | None]] = {}
        self._lock = threading.Lock()

    async def access(self, scope: HTTPScope, ledger: str) -> Access:
        """What whoever asks may do in a ledger. Raises Unauthenticated."""
        return Access(await self.key_of(header_of(scope, b"authorization")), ledger)

    async def key_of(self, authorization: str | None) -> ApiKey:
        """The key that an Authorization header carries. Raises Unauthenticated."""
        scheme, _, secret = (authorization or "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not 0 < len(secret) <= API_KEY_LENGTH_MAX:
            raise Unauthenticated
        digest = sha256(secret.encode(errors="surrogatepass")).digest()
        known = self._remembered(digest) or await self._looked_up(digest, secret)
        if known is None:
            raise Unauthenticated
        return known

    async def _looked_up(self, digest: bytes, secret: str) -> ApiKey | None:
        """The key of this secret as the database knows it; whoever asks meanwhile asks with it."""
        asking = self._asking.get(digest)
        if asking is None:
            asking = asyncio.ensure_future(in_thread(self._credentials.authenticate, secret))
            self._asking[digest] = asking
            asking.add_done_callback(partial(self._answered, digest))
        return await asyncio.shield(asking)

    def _answered(self, digest: bytes, asking: asyncio.Future[ApiKey | None]) -> None:
        del self._asking[digest]
        if asking.cancelled() or asking.exception() is not None:
            return  # whoever waits for it is told
        known = asking.result()
        if known is not None:
            self._remember(digest, known)

    def _remembered(self, digest: bytes) -> ApiKey | None:
        with self._lock:
            until, key = self._known.get(digest, (0.0, None))
            return key if until > monotonic() else None

    def _remember(self, digest: bytes, key: ApiKey) -> None:
        with self._lock:
            self._known[digest] = (monotonic() + self._remember_seconds, key)
            self._known.move_to_end(digest)
            while len(self._known) > KEYS_REMEMBERED_MAX:
                self._known.popitem(last=False)
