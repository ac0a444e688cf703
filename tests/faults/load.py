"""Mixed load from a process of its own: each thing is asked for until it is answered for good.

The process says on its stdout, a line each, what was acknowledged; it ends when its stdin does. A
caller that gets no answer asks again with the same ids, perhaps another server, as an app would.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

import httpx
import msgspec

CALLERS = 4
PAUSE_SECONDS = 0.15
"""Between two calls of one caller: most of a test waits for something else, and not for callers."""
RANDOM_PAUSE_SECONDS = 0.05
"""The same where random faults meet callers: after half an hour, too, rebuilds are to end soon."""
ANSWER_SECONDS_MAX = 120
RETRY_SECONDS = 0.02
REQUEST_SECONDS_MAX = 5
PURCHASES_AT_ONCE = 5
WAIT_SECONDS_MAX = 120
FINAL = frozenset({200, 201, 409, 413, 422})
"""Answers that will stay the same however often one asks again."""

Acknowledged = dict[tuple[str, str], int]
"""Where each event stands, by source and id, as a caller was told."""


class Target(msgspec.Struct):
    """Whom to ask, and for what."""

    urls: list[str]
    ledger: str
    key: str
    accounts: list[str]
    seed: int
    pause_seconds: float = PAUSE_SECONDS


class Answer(NamedTuple):
    """What came back, and the position that it reflects."""

    status: int
    body: Any
    position: int


class Caller(threading.Thread):
    """Reports, asks and reads, one thing after another."""

    def __init__(self, target: Target, number: int, stopping: threading.Event) -> None:
        super().__init__()
        self.target = target
        self.name = f"{target.seed}-{number}"
        self.random = Random(self.name)  # noqa: S311 - which call comes next is no secret
        self.stopping = stopping
        self.answers: Counter[str] = Counter()
        self.error: BaseException | None = None
        self.seen: dict[str, int] = {}

    def run(self) -> None:
        """Go on until told to stop."""
        try:
            with httpx.Client(timeout=REQUEST_SECONDS_MAX) as self.client:
                n = 0
                while not self.stopping.wait(self.target.pause_seconds):
                    n += 1
                    kinds = [self.purchase, self.purchases, self.award, self.redeem, self.read]
                    self.random.choice(kinds)(f"{self.name}-{n}")
        except BaseException as error:  # noqa: BLE001 - told at the end
            self.error = error
            self.stopping.set()

    def purchase(self, name: str) -> None:
        """Report one purchase."""
        event = purchase_of(name, self.random.choice(self.target.accounts))
        answer = self.ask("events", event, {"Content-Type": "application/cloudevents+json"})
        self.acknowledge([("/till", name, answer.body["position"])])

    def purchases(self, name: str) -> None:
        """Report several at once, one of them wrong: the others are not touched by it."""
        account = self.random.choice(self.target.accounts)
        events = [purchase_of(f"{name}.{n}", account) for n in range(PURCHASES_AT_ONCE)]
        wrong = self.random.randrange(PURCHASES_AT_ONCE)
        events[wrong]["data"]["net"] = "much"
        media = {"Content-Type": "application/cloudevents-batch+json"}
        results = self.ask("events", events, media).body["results"]
        assert [n for n, one in enumerate(results) if "problem" in one] == [wrong], results
        self.acknowledge(
            ("/till", event["id"], one["position"])
            for event, one in zip(events, results, strict=True)
            if "position" in one
        )

    def award(self, name: str) -> None:
        """Ask for points."""
        self.decide(name, "awards", {"points": self.random.randint(1, 9), "reason": "load"})

    def redeem(self, name: str) -> None:
        """Ask to spend points, which may be refused."""
        self.decide(name, "redemptions", {"points": self.random.randint(1, 9)})

    def decide(self, name: str, what: str, body: dict[str, Any]) -> None:
        """Ask for a decision about some account."""
        account = self.random.choice(self.target.accounts)
        answer = self.ask(f"accounts/{account}/{what}", body, {"Idempotency-Key": name})
        events = answer.body.get("events", ())
        self.acknowledge(
            (one["event"]["source"], one["event"]["id"], one["position"]) for one in events
        )
        if events:
            self.seen[account] = max(self.seen.get(account, 0), events[-1]["position"])

    def read(self, _: str) -> None:
        """Read a balance that reflects what this caller has done; it never goes back."""
        account = self.random.choice(self.target.accounts)
        least = self.seen.get(account, 0)
        answer = self.ask(f"accounts/{account}/balance?min_position={least}", None, {})
        assert answer.status == 200, answer
        assert answer.position >= least, answer
        self.seen[account] = answer.position

    def ask(self, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """Send it until there is an answer that will stay the same."""
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        last = "no answer"
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                url = self.random.choice(self.target.urls)
                answer = self.client.request(
                    "GET" if body is None else "POST",
                    f"{url}/v1/{self.target.ledger}/{path}",
                    content=None if body is None else msgspec.json.encode(body),
                    headers={
                        "Content-Type": "application/json",
                        "Authorization": f"Bearer {self.target.key}",
                        **headers,
                    },
                )
                if answer.status_code in FINAL:
                    self.answers[str(answer.status_code)] += 1
                    stamp = answer.headers.get("Ledger-Position", "0.0")
                    return Answer(answer.status_code, answer.json(), int(stamp.split(".")[1]))
                last = answer.text
                assert answer.status_code == 503, last
                tell({"503": 1})
            time.sleep(RETRY_SECONDS)
        raise TimeoutError(f"{path}: {last}")

    def acknowledge(self, events: Any) -> None:
        """Tell whoever started this process."""
        tell(*events)


class Load:
    """A process of callers, and what they have been told so far."""

    def __init__(self, target: Target) -> None:
        self.acknowledged: Acknowledged = {}
        self.answers: Counter[str] = Counter()
        self._grown = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.load", msgspec.json.encode(target).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._grown:
                if isinstance(said, list):
                    source, id_, position = said
                    self.acknowledged[source, id_] = position
                else:
                    self.answers.update(said)
                self._grown.notify_all()

    def hears(self, status: str, meanwhile: Callable[[], None]) -> None:
        """Wait until one more caller has had an answer of this status, while any are answered.

        ``meanwhile`` is done again and again: a disk that was full has room once more where
        PostgreSQL removes files, and room for some time where it made files ahead of need.
        """
        with self._grown:
            least = self.answers[status] + 1
        while True:
            meanwhile()
            with self._grown:
                if self.answers[status] >= least:
                    return
                assert self._grown.wait(WAIT_SECONDS_MAX), f"nobody was answered; {self.answers}"

    def goes_on(self, events: int = 20) -> None:
        """Wait until so many more events were acknowledged."""
        with self._grown:
            least = len(self.acknowledged) + events
            there = self._grown.wait_for(
                lambda: len(self.acknowledged) >= least or self._process.poll() is not None,
                WAIT_SECONDS_MAX,
            )
        assert there, f"{least - len(self.acknowledged)} of {events} are missing"
        if self._process.poll() is not None:
            self.stop()

    def stop(self) -> None:
        """Let every caller have its last answer. Raises if one of them met what may not be."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._listening.join()
        assert self._process.stderr is not None
        said = self._process.stderr.read()
        assert self._process.wait() == 0, said

    def close(self) -> None:
        """End it, whatever it does, if it still runs."""
        self._process.kill()
        self._listening.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()


def tell(*said: Any) -> None:
    """Say something, a line each, to whoever started this process."""
    sys.stdout.write("".join(json.dumps(one) + "\n" for one in said))
    sys.stdout.flush()


def purchase_of(name: str, account: str) -> dict[str, Any]:
    """A purchase, as a till reports it."""
    return {
        "specversion": "1.0", "id": name, "source": "/till", "time": "2026-03-01T12:00:00Z",
        "type": "purchase.recorded.v1",
        "data": {
            "purchase_id": f"b{name}", "account_id": account, "currency": "EUR",
            "gross": 1_000, "net": 1_000,
        },
    }  # fmt: skip


def _wait_for_the_end(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


def main(arguments: Sequence[str]) -> None:
    """Call until nobody holds the other end of stdin."""
    target = msgspec.json.decode(arguments[0], type=Target)
    stopping = threading.Event()
    callers = [Caller(target, n, stopping) for n in range(CALLERS)]
    for caller in callers:
        caller.start()
    threading.Thread(target=_wait_for_the_end, args=[stopping], daemon=True).start()
    for caller in callers:
        caller.join()
    for caller in callers:
        if caller.error is not None:
            raise caller.error
    tell(sum((caller.answers for caller in callers), Counter[str]()))


if __name__ == "__main__":
    main(sys.argv[1:])
