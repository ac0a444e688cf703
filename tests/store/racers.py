"""Threads that try to break a rule at the same moment, and what the log says afterwards."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from domain.accounts import OpenAccount
from domain.awards import AwardPoints
from domain.decision import Command
from domain.errors import RuleError
from domain.event import Observation
from domain.people import EnrolMember
from domain.planning import PlanCampaign
from store.ledger import Ledger, NewEvent, Verdict

THREADS = 16
START = datetime(2026, 3, 1, tzinfo=UTC)


class Racers:
    """Runs threads that begin together, and counts how each attempt ended.

    Where several open ledgers are given, which have a writer each as processes have, the threads
    are shared out among them.
    """

    def __init__(self, *ledgers: Ledger, callers: int = THREADS) -> None:
        self.ledger = ledgers[0]
        self.callers = callers
        self._ledgers = ledgers
        self._number = 0
        self._lock = threading.Lock()

    def _next(self) -> int:
        with self._lock:
            self._number += 1
            return self._number

    def do(self, command: Command) -> Verdict:
        """Decide a command under an id of its own."""
        number = self._next()
        ledger = self._ledgers[number % len(self._ledgers)]
        return ledger.decide(command, command_id=f"c{number}", actor="t").result()

    def see(self, event: Observation, time: datetime = START) -> int:
        """Record an observation under an id of its own."""
        new = NewEvent(event, f"o{self._next()}", "/race", time)
        [outcome] = self.ledger.observe([new], actor="t").result()
        assert outcome.error is None
        assert outcome.position is not None
        return outcome.position

    def race(self, attempt: Callable[[int], Any], rounds: int = 1) -> Counter[str]:
        """Count the outcomes: "ok", or the name of the rule that refused it."""
        outcomes: Counter[str] = Counter()
        barrier = threading.Barrier(self.callers)
        broken: list[BaseException] = []

        def run(n: int) -> None:
            barrier.wait()
            for k in range(rounds):
                try:
                    attempt(n * rounds + k)
                except RuleError as error:
                    outcome = type(error).__name__
                except BaseException as error:  # noqa: BLE001 - shown by the main thread
                    broken.append(error)
                    return
                else:
                    outcome = "ok"
                with self._lock:
                    outcomes[outcome] += 1

        threads = [threading.Thread(target=run, args=(n,)) for n in range(self.callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not broken, broken
        assert outcomes.total() == self.callers * rounds
        return outcomes

    def events(self, name: str) -> list[dict[str, Any]]:
        """The data of all events of a type, from the bytes of the log."""
        entries = [
            msgspec.json.decode(entry)
            for page in self.ledger.log.pages(0, self.ledger.log.head().position)
            for _, entry in page
        ]
        return [entry["data"] for entry in entries if entry["type"] == name]

    def member(self) -> str:
        """Enrol somebody."""
        event: Any = self.do(EnrolMember()).events[0].event
        return str(event.member_id)

    def account(self, points: int = 0) -> str:
        """Open an account, with points on it in two lots."""
        opened: Any = (
            self.do(OpenAccount(programme="club", points_currency="pts", holders=()))
            .events[0]
            .event
        )
        for part in (points // 3, points - points // 3) if points else ():
            self.do(AwardPoints(account_id=opened.account_id, points=part, reason="start"))
        return str(opened.account_id)

    def campaign(self, **changes: Any) -> str:
        """Plan a campaign."""
        plan = {
            "campaign_id": f"camp{self._next()}",
            "name": "Spring",
            "starts": START - timedelta(days=1),
            "ends": START + timedelta(days=30),
            "currency": "EUR",
        }
        command = msgspec.convert({**plan, **changes}, PlanCampaign)
        self.do(command)
        return str(command.campaign_id)
