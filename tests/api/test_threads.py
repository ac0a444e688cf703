"""What other threads resolve reaches the event loop: each its own, and many by one wake-up."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from api.threads import resolved
from store.reply import Reply

MANY = 50


class Wakes:
    """Counts how often an event loop is woken from another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._wake = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", self)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Wake it."""
        self.count += 1
        return self._wake(*args, **options)


def in_another_thread(futures: list[Reply[int]]) -> None:
    """Resolve all of them at once: even ones with their number, odd ones with an error."""

    def resolve() -> None:
        for n, future in enumerate(futures):
            if n % 2:
                future.answer(None, ValueError(n))
            else:
                future.answer(n)

    thread = threading.Thread(target=resolve)
    thread.start()
    thread.join()


def test_each_is_given_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results and errors reach who waits for them, and a batch of them wakes the loop once."""

    async def wait() -> tuple[list[Any], int]:
        futures: list[Reply[int]] = [Reply() for _ in range(MANY)]
        tasks = [resolved(future) for future in futures]
        await asyncio.sleep(0)
        wakes = Wakes(asyncio.get_running_loop(), monkeypatch)
        in_another_thread(futures)
        return await asyncio.gather(*tasks, return_exceptions=True), wakes.count

    found, wakes = asyncio.run(wait())
    assert found[::2] == list(range(0, MANY, 2))
    assert [error.args for error in found[1::2]] == [(n,) for n in range(1, MANY, 2)]
    assert wakes == 1


def test_resolved_before() -> None:
    """What was resolved before anybody waited is there too."""

    async def wait() -> int:
        future: Reply[int] = Reply()
        future.answer(7)
        return await resolved(future)

    assert asyncio.run(wait()) == 7


def test_who_goes_away_cancels_nothing() -> None:
    """Who stops waiting leaves the work alone, and the others are answered."""

    async def wait() -> tuple[int, int]:
        first, second = Reply[int](), Reply[int]()
        gone = resolved(first)
        stays = resolved(second)
        await asyncio.sleep(0)
        gone.cancel()
        first.answer(1)
        second.answer(2)
        return first.result(), await stays

    assert asyncio.run(wait()) == (1, 2)
