"""Answers reach everybody who waits, one thread after another, whatever becomes of one of them."""

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import pytest

from store.reply import Reply, Turns

MANY = 40


class Interrupted(Exception):
    """What is thrown into a thread that waits."""


def waiting(reply: Reply[Any], note: Callable[[Any], None]) -> threading.Thread:
    """A thread that waits for a reply, and notes what it gets."""

    def wait() -> None:
        try:
            note(reply.result())
        except (ValueError, Interrupted) as error:
            note(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not reply.awaited:
        pass
    return thread


def test_each_gets_its_own_and_wakes_the_next() -> None:
    """Results and errors, in the order in which they were answered."""
    replies = [Reply[int]() for _ in range(MANY)]
    found: list[Any] = []
    threads = [waiting(reply, found.append) for reply in replies]
    for n, reply in enumerate(replies):
        reply.answer(n, ValueError(n) if n % 2 else None)
    Turns().give(replies)
    for thread in threads:
        thread.join()
    assert [one if isinstance(one, int) else one.args[0] for one in found] == list(range(MANY))
    assert all(isinstance(one, ValueError) for one in found[1::2])


def test_batches_that_follow_one_another() -> None:
    """The threads of a later batch go on behind those of the one before."""
    turns, found = Turns(), list[Any]()
    for batch in range(5):
        replies = [Reply[int]() for _ in range(MANY)]
        threads = [waiting(reply, found.append) for reply in replies]
        for n, reply in enumerate(replies):
            reply.answer(batch * MANY + n)
        turns.give(replies)
        for thread in threads:
            thread.join()
    assert found == list(range(5 * MANY))


def test_who_does_not_wait_holds_nobody_up() -> None:
    """A reply that nobody waits for is no turn; it can be asked at any time, and again."""
    idle, busy = Reply[int](), Reply[int]()
    found: list[Any] = []
    thread = waiting(busy, found.append)
    idle.answer(1)
    busy.answer(2)
    Turns().give([idle, busy])
    thread.join()
    assert (found, idle.result(), idle.result(), idle.exception()) == ([2], 1, 1, None)


def test_a_thread_that_is_lost_is_noticed() -> None:
    """One of them never hands its turn on: by standing still, all the others are woken."""
    first, second = Reply[int](), Reply[int]()
    lost, found = list[Any](), list[Any]()
    threads = [waiting(first, lost.append), waiting(second, found.append)]
    # Thrown when it runs again, which is after it was woken and before it wakes the next one.
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(threads[0].ident or 0), ctypes.py_object(Interrupted)
    )
    turns = Turns()
    first.answer(1)
    second.answer(2)
    turns.give([first, second])
    threads[0].join()
    assert turns.patience_seconds is not None
    while not found:
        turns.look()
    threads[1].join()
    assert found == [2]
    assert [type(one) for one in lost] == [Interrupted]
    assert turns.patience_seconds is None


def test_callbacks_are_called_once() -> None:
    """Before or after the answer; one that fails is no matter of the others."""
    reply, called = Reply[int](), list[int]()
    reply.add_done_callback(lambda done: called.append(done.result()))
    reply.add_done_callback(lambda _: 1 // 0)
    reply.answer(7)
    assert reply.done()
    reply.add_done_callback(lambda done: called.append(done.result()))
    assert called == [7, 7]


def test_an_error_is_raised() -> None:
    """As often as it is asked for."""
    reply = Reply[int]()
    reply.answer(None, ValueError("no"))
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            reply.result()
