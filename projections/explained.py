"""What can be explained, by kind: the answers that have events behind them, and single events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from projections import balances, campaign_returns, profiles, tiers
from projections.explained_awards import explain_awards
from projections.explaining import explain
from projections.explanation import Explanation
from projections.known import PastReader, Sums

Answer = Callable[[Sums, str, datetime], Any]
"""What a reader says of somebody or something, by id and for an instant; None: it is not there."""

EXPLAINED: Final = MappingProxyType[str, Answer](
    {
        "account": balances.balance,
        "member": lambda reader, name, _: profiles.member(reader, name),
        "campaign": lambda reader, name, _: campaign_returns.returns(reader, name),
        "tier": tiers.tiers,
    }
)
EVENT: Final = "event"
KINDS: Final = (*EXPLAINED, EVENT)


def explanation(
    reader: PastReader, kind: str, name: str, at: datetime, figure: str | None = None
) -> Explanation | None:
    """Explain something of a kind, by its id; an event by its position: what it earned, and why.

    All its figures, or those at or below a path. None if nothing is there. Raises NoSuchFigure.
    """
    if kind == EVENT:
        return explain_awards(reader, int(name), figure) if name.isdecimal() else None
    answer = EXPLAINED[kind]
    return explain(reader, lambda rows: answer(rows, name, at), figure)
