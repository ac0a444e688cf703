"""The summary: its figures are those that the events themselves add up to, and it is readable."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from rich.console import Console

from domain.ledger import BatchVoided, OpenLedger
from domain.participations import ParticipationRecorded
from domain.people import MemberEnrolled, MembershipEnded, VisitorIdentified
from domain.purchases import PurchaseRecorded
from domain.spending import ImpressionsReported
from filrouge.simulator import State, arrivals
from filrouge.simulator.run import fill
from filrouge.summary import STAGES, Summary, summary_of
from filrouge.summary_view import parts, show
from projections import ALL
from projections.rebuild import rebuild
from store.database import Database

SIZE = (250, 1.0, 3)


@pytest.fixture
def summary(installation: Database, opening: OpenLedger) -> Iterator[Summary]:
    """The summary of a small history."""
    ledger = installation.create("test", opening)
    fill(ledger, State(*SIZE))
    rebuild(ledger, ALL)
    yield summary_of(ledger)
    ledger.close()


def test_its_figures_are_those_of_the_events(summary: Summary) -> None:
    """Members, impressions, participants and what others bought, counted another way."""
    everything = list(arrivals(State(*SIZE)))
    voided = {one.event.batch_id for one in everything if isinstance(one.event, BatchVoided)}
    standing = [one for one in everything if one.batch not in voided]
    last = max(one.time for one in standing)
    seen: Counter[str] = Counter()
    enrolled, ended = set[str | None](), set[str]()
    members, others = Counter[str](), Counter[str]()
    visitors = {
        one.event.visitor_id: one.event.member_id
        for one in standing
        if isinstance(one.event, VisitorIdentified)
    }
    for one in standing:
        match one.event:
            case MemberEnrolled(member_id=who):
                enrolled.add(who)
            case MembershipEnded(member_id=who):
                ended.add(who)
            case ImpressionsReported(stage=stage, count=count):
                seen[stage] += count
            case PurchaseRecorded() as bought if one.time > last - timedelta(days=365):
                if bought.member_id:
                    members[bought.member_id] += bought.net
                elif bought.visitor_id:
                    others[bought.visitor_id] += bought.net
    assert (summary.enrolled, summary.ended) == (len(enrolled), len(ended)) == (250, len(ended))
    assert summary.batches_voided == len(voided) > 0
    assert {stage: summary.seen[stage] for stage in STAGES} == seen
    assert (summary.bought["members"].people, summary.bought["members"].net) == (
        len(members),
        members.total(),
    )
    assert (summary.bought["others"].people, summary.bought["others"].net) == (
        len(others),
        others.total(),
    )
    assert summary.at == last
    known = Counter(
        one.event.campaign_id
        for one in standing
        if isinstance(one.event, ParticipationRecorded)
        and (one.event.member_id or visitors.get(one.event.visitor_id or "")) in enrolled
    )
    assert {line.campaign_id for line in summary.campaigns if line.participants} == known.keys()


def test_points_by_state_add_up(summary: Summary) -> None:
    """Issued and owed are the sum of the six other states."""
    points = summary.points
    six = ("pending", "active", "reserved", "spent", "expired", "cancelled")
    assert points["issued"] + points["owed"] == sum(points[state] for state in six)
    assert points["spent"] > 0
    assert points["active"] > 0


def test_it_is_plain_text_where_there_is_no_terminal(summary: Summary) -> None:
    """No escape sequences, no wide lines, and everything that was promised."""
    stream = io.StringIO()
    show(summary, stream)
    text = stream.getvalue()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text, "nothing is cut off"
    for line in sorted(summary.campaigns, key=lambda line: line.starts)[-3:]:
        assert line.ends is None or line.name in text
    for said in (
        f"{summary.position:,} events",
        "250 members enrolled",
        "wrong till files were voided",
        "below what was announced",
        summary.superfans[0].member_id,
        f"{summary.points['issued']:,}",
    ):
        assert said in re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("width", [80, 96, 120])
def test_it_fits_a_terminal(summary: Summary, width: int) -> None:
    """On the narrowest usual terminal as on a wide one, no figure and no name is cut off."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=width, highlight=False)
    for part in parts(summary, console):
        console.print(part)
    text = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert text != stream.getvalue(), "there are colours"
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_a_ledger_without_history_can_be_shown(installation: Database, opening: OpenLedger) -> None:
    """Nothing is divided by nothing."""
    ledger = installation.create("empty", opening)
    rebuild(ledger, ALL)
    summary = summary_of(ledger)
    stream = io.StringIO()
    show(summary, stream)
    ledger.close()
    assert summary.enrolled == 0
    assert "1 events" in stream.getvalue()
