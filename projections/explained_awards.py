"""Why an event earned points, or none: of each rule what it gave, and the events that it went by.

The event is judged again by the code that judged it, on the history that the ledger knew then
(:mod:`store.explaining`). What it earned is what the log says: the awards behind it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from domain.envelope import Recorded
from domain.findings import Finding
from domain.points import PointsEarned
from projections.explanation import (
    Change,
    Explained,
    Explanation,
    NoSuchFigure,
    is_below,
    said,
    step_of,
    told,
)
from projections.known import PastReader
from store.explaining import Judged, judged

FIGURE: Final = "points"
"""``points[spend/m_1]``: what the rule ``spend`` gave the member m_1."""


def explain_awards(
    reader: PastReader, position: int, figure: str | None = None
) -> Explanation | None:
    """Explain what the event at a position earned by rules; None if it does not count for a reader.

    Each rule that looks at such events is a figure, one that gave nothing too. The steps are the
    event and its awards. ``computed_with`` are the versions of the rules, and the events of the
    history that limits, windows and conditions were reckoned from.
    """
    recorded = reader.log.entry(position)
    if recorded is None or not reader.reaches(recorded.envelope):
        return None
    found = judged(reader.log, recorded, known=reader.position)
    awards = [one for one in map(_award, reader.log.entries(found.awards)) if one is not None]
    figures = list(_figures(found, [award for _, award in awards]))
    if figure is not None:
        figures = [one for one in figures if is_below(one.figure, figure)]
        if not figures:
            raise NoSuchFigure(figure=figure)
    names = {one.figure for one in figures}
    steps = [step_of(recorded, [])]
    for one, award in awards:
        if (name := _name(award.rule_id, award.member_id)) in names:
            change = Change(figure=name, change=award.points, value=award.points)
            steps.append(step_of(one, [change]))
    return Explanation(
        position=reader.position,
        figures=figures,
        steps=steps,
        computed_with=found.looked_at,
        words=[*map(said, figures), *map(told, steps)],
        judged=found,
    )


def _award(one: Recorded) -> tuple[Recorded, PointsEarned] | None:
    return (one, one.event) if isinstance(one.event, PointsEarned) else None


def _name(rule_id: str | None, member_id: str | None) -> str:
    return f"{FIGURE}[{rule_id}/{member_id}]" if member_id else f"{FIGURE}[{rule_id}]"


def _figures(found: Judged, awards: list[PointsEarned]) -> Iterator[Explained]:
    """What each rule gave to whom, as the log has it; and what the rule says of it."""
    given: defaultdict[str, list[int]] = defaultdict(list)
    why: defaultdict[str, list[str]] = defaultdict(list)
    for one in found.findings:
        why[_name(one.rule_id, one.member_id)].append(_why(one))
    for award in awards:
        given[_name(award.rule_id, award.member_id)].append(award.points)
    for name in [*why, *(name for name in given if name not in why)]:
        points = given[name]
        total = f"{' + '.join(map(str, points)) or 0} = {sum(points)}"
        # Judged by newer software, a rule may be silent that spoke when the event was recorded.
        reasons = why[name] or ["it gave them when the event was recorded"]
        yield Explained(
            figure=name, value=sum(points), arithmetic=f"{total} ({'; '.join(reasons)})"
        )


def _why(one: Finding) -> str:
    words = f"version {one.rule_version}: {one.reason.replace('_', ' ')}"
    return f"{words}, {one.detail}" if one.detail else words
