"""The picture of the README is a real summary, and loads nothing from elsewhere."""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from domain.lot import States
from filrouge.documentation.picture import PICTURE, picture
from filrouge.summary import Buyers, CampaignLine, Summary

CAMPAIGN = CampaignLine(
    campaign_id="c1",
    name="Spring",
    starts=datetime(2026, 3, 1, tzinfo=UTC),
    ends=datetime(2026, 4, 1, tzinfo=UTC),
    **dict.fromkeys(
        ("participants", "known", "paid_origin", "re_bought", "re_bought_cost", "enrolments"), 3
    ),
    **dict.fromkeys(("full_cost", "media_cost", "participant_revenue"), 100),
)
SUMMARY = Summary(
    ledger="demo",
    name="Brand & Co",
    currency="EUR",
    position=7,
    first=datetime(2026, 1, 1, tzinfo=UTC),
    at=datetime(2026, 5, 1, tzinfo=UTC),
    batches_voided=1,
    enrolled=3,
    ended=0,
    campaigns=(CAMPAIGN,),
    superfans=(),
    bought={who: Buyers(1, 100) for who in ("superfans", "members", "others")},
    points=dict.fromkeys(States._fields, 5),
    accounts=1,
    seen=dict.fromkeys(("announced", "served", "measurable", "viewable", "invalid"), 9),
)


def words_of(svg: str) -> str:
    """The text of a picture, without the spaces that SVG does not break at."""
    return "".join(ET.fromstring(svg).itertext()).replace("\N{NO-BREAK SPACE}", " ")  # noqa: S314 - our own


def headings_of(svg: str) -> set[str]:
    """The titles of the framed parts, without what the ledger's data puts into them."""
    titles = re.findall(r"╭─ ?([^─╮]+?) ?─", words_of(svg))
    return {title.partition(", as of")[0] for title in titles[1:]}


def test_a_picture_shows_the_summary_and_loads_nothing() -> None:
    """It is well-formed, says what the summary says, and names no other host."""
    svg = picture(SUMMARY)
    assert "Brand & Co" in words_of(svg)
    assert "Spring" in words_of(svg)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|@font-face", svg)


def test_the_same_summary_makes_the_same_picture() -> None:
    """A picture that is drawn again without a change does not differ."""
    assert picture(SUMMARY) == picture(SUMMARY)


def test_the_kept_picture_has_the_parts_that_the_summary_has_now() -> None:
    """When the summary changes: `make run`, then `filrouge docs --picture`."""
    assert len(headings_of(picture(SUMMARY))) > 2
    assert headings_of(PICTURE.read_text()) == headings_of(picture(SUMMARY))
