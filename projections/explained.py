"""What can be explained: the answers whose figures have events behind them, by what they are of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from projections import balances, campaign_returns, profiles, tiers
from projections.known import Sums

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
