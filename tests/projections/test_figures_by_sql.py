"""Every figure of every campaign and member equals an SQL query over the entries' JSON."""

from __future__ import annotations

from filrouge.simulator import State
from filrouge.simulator.run import fill
from projections.campaign_returns import CAMPAIGN_RETURNS, Engagement, People
from projections.profiles import PROFILES, Advocacy, InAll
from projections.rebuild import rebuild
from store.ledger import Ledger
from tests.projections.awkward import Awkward
from tests.projections.brand import Brand
from tests.projections.figures_by_sql import compared

NAMES = {
    name for block in (Engagement, People, Advocacy, InAll) for name in block.__struct_fields__
} - {"spend"}
"""Figures of which somebody has one that is not zero, or the history is too poor."""


def test_a_simulated_history(ledger: Ledger) -> None:
    """Small, but with all that happens to a brand: late files, and a wrong one that is voided."""
    fill(ledger, State(300, 1.5, 7))
    rebuild(ledger, [CAMPAIGN_RETURNS, PROFILES])
    result = compared(ledger)
    assert result.differences == {}
    assert result.names >= NAMES | {
        "agency accrued EUR",
        "invitations_clicked",
        "points_cost EUR",
        "production credit_note EUR",
        "returned EUR",
        "service_contacts",
        "times opened_human",
    }


def test_an_awkward_history(brand: Brand) -> None:
    """What was told twice, in parts, too early, or of nobody known; and everything taken back."""
    Awkward(brand).all()
    rebuild(brand.ledger, [CAMPAIGN_RETURNS, PROFILES])
    result = compared(brand.ledger)
    assert result.differences == {}
    assert result.names >= NAMES | {
        "accepted_answers",
        "buyers CHF",
        "labour actual CHF",
        "points_clawed_back",
        "returned EUR",
        "rewards_withdrawn",
        "served web measured",
        "times opened_unknown",
    }
