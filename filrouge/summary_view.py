"""The summary as a person reads it: panels and tables on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TextIO

from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from filrouge.status_view import money
from filrouge.summary import STAGES, CampaignLine, Summary

CAMPAIGNS_SHOWN: Final = 8
"""The newest ones are shown one by one, the others as a sum."""
PLAIN_WIDTH: Final = 100
WIDE: Final = 96
"""Below it, campaigns are shown by their ids, which are shorter than their names."""
ADDED_UP: Final = (
    *("participants", "known", "paid_origin", "re_bought", "re_bought_cost"),
    *("full_cost", "participant_revenue"),
)
THREAD: Final = "red"
"""The colour of the thread that runs through."""
BAR_WIDTH: Final = 34
STATES: Final = {
    "active": "can be spent",
    "pending": "not yet: the goods may still come back",
    "reserved": "held for a redemption",
    "spent": "redeemed",
    "expired": "not spent in time",
    "cancelled": "taken back, mostly with returned goods",
}


def show(summary: Summary, stream: TextIO) -> None:
    """Write the summary; colours and boxes only where the stream is a terminal."""
    console = Console(file=stream, highlight=False)
    if not console.is_terminal:
        console = Console(file=stream, highlight=False, width=PLAIN_WIDTH, no_color=True)
    for part in parts(summary, console):
        console.print(part)


def titled(title: str, body: RenderableType, console: Console) -> RenderableType:
    """A part with its title: in a frame on a terminal, under a line elsewhere."""
    if console.is_terminal:
        return Panel(body, title=f"[bold]{title}[/bold]", title_align="left", border_style=THREAD)
    return Group(Rule(title, characters="-", align="left", style=""), body)


def parts(summary: Summary, console: Console) -> Iterable[RenderableType]:
    """What is shown, one part under the other."""
    yield Text()
    yield titled(summary.name, _opening(summary), console)
    campaigns = _campaigns(summary, narrow=console.width < WIDE)
    yield titled("What each campaign reached, and what it cost", campaigns, console)
    yield titled("Paid for, and seen", _visibility(summary), console)
    yield titled("Superfans, by what they cause", _superfans(summary), console)
    yield titled(f"Points, as of {summary.at:%d %B %Y}", _points(summary), console)


def _opening(summary: Summary) -> RenderableType:
    enrolled = f"{summary.enrolled:,} members enrolled"
    left = f", of whom {summary.ended:,} left again" if summary.ended else ""
    lines = [
        Text.assemble(
            (f"{summary.position:,} events", "bold"),
            f" from {summary.first:%d %B %Y} to {summary.at:%d %B %Y}; ",
            (enrolled, "bold"),
            f"{left}.",
        )
    ]
    if summary.batches_voided:
        lines.append(
            Text(
                f"{summary.batches_voided} wrong till files were voided: they are still there, and"
                " count for nothing."
            )
        )
    others = summary.bought["others"].each
    if others:
        members, fans = (summary.bought[who].each / others for who in ("members", "superfans"))
        lines.append(
            Text.assemble(
                "In the last year, a member who bought spent ",
                (f"{members:.1f} times", "bold"),
                " as much as another customer, a superfan ",
                (f"{fans:.1f} times", "bold"),
                ".",
            )
        )
    return Group(*lines)


def _campaigns(summary: Summary, *, narrow: bool) -> RenderableType:
    ended = [one for one in summary.campaigns if one.ends is not None and one.participants]
    ended.sort(key=lambda one: one.starts, reverse=True)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0 if narrow else 1, 0, 0))
    table.add_column("campaign")
    for heading in (
        *("took\npart", "known", "paid\nfor", "re-\nbought", "spent on\nthese"),
        *("full\ncost", "their\nrevenue", "per 1"),
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in ended[:CAMPAIGNS_SHOWN]:
        table.add_row(*_cells(one.campaign_id if narrow else one.name, [one], summary.currency))
    if len(ended) > CAMPAIGNS_SHOWN:
        rest = ended[CAMPAIGNS_SHOWN:]
        table.add_row(*_cells(f"{len(rest)} earlier ones", rest, summary.currency), style="dim")
    table.add_section()
    table.add_row(*_cells("all of them", ended, summary.currency), style="bold")
    always = sum(one.full_cost for one in summary.campaigns if one.ends is None)
    note = (
        f"In {summary.currency}. Known: members before it began. Re-bought: of those paid for, the"
        " known whom the brand could have written to. What participants bought, from its start to"
        " 30 days after its end, and that per 1 of cost, is a correlation and not a return."
    )
    if always:
        note += f" The always-on programme cost {_money(always, summary.currency)} besides."
    return Group(table, Text(note, style="dim"))


def _cells(name: str, some: list[CampaignLine], currency: str) -> list[str]:
    sums = {field: sum(getattr(one, field) for one in some) for field in ADDED_UP}
    cost, revenue = sums["full_cost"], sums["participant_revenue"]
    return [
        name,
        f"{sums['participants']:,}",
        _percent(sums["known"], sums["participants"]),
        f"{sums['paid_origin']:,}",
        _percent(sums["re_bought"], sums["paid_origin"]),
        _whole(sums["re_bought_cost"], currency),
        _whole(cost, currency),
        _whole(revenue, currency),
        f"{revenue / cost:.1f}" if cost else "",
    ]


def _visibility(summary: Summary) -> RenderableType:
    announced = summary.seen["announced"]
    table = Table.grid(padding=(0, 2))
    for stage in STAGES:
        count = summary.seen[stage]
        filled = round(BAR_WIDTH * count / announced) if announced else 0
        bar = Text("█" * filled, style=THREAD) + Text("░" * (BAR_WIDTH - filled), style="dim")
        table.add_row(stage, f"{count:>12,}", bar, _percent(count, announced))
    below = _percent(announced - summary.seen["viewable"], announced)
    note = f"What anybody could see was {below} below what was announced; "
    note += f"{_percent(summary.seen['invalid'], summary.seen['served'])} came from machines."
    return Group(table, Text(note))


def _superfans(summary: Summary) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("member", no_wrap=True)
    for heading in (
        *("friends\nbrought", "friends\nnamed", "shares", "contri-\nbutions", "cam-\npaigns"),
        "spent",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for fan in summary.superfans:
        table.add_row(
            fan.member_id,
            *(str(n) for n in (fan.friends_brought, fan.friends_named, fan.shares)),
            *(str(n) for n in (fan.contributions, fan.campaigns)),
            _money(fan.spend, summary.currency),
        )
    return table


def _points(summary: Summary) -> RenderableType:
    points = summary.points
    whole = points["issued"] + points["owed"]
    table = Table.grid(padding=(0, 2))
    for state, words in STATES.items():
        table.add_row(state, f"{points[state]:>12,}", f"{_percent(points[state], whole):>5}", words)
    sums = Table.grid(padding=(0, 2))
    sums.add_row("issued", f"{points['issued']:>12,}")
    sums.add_row("owed", f"{points['owed']:>12,}")
    sums.add_row("accounts", f"{summary.accounts:>12,}")
    note = "Issued and owed together are the sum of the six, exactly, at every position."
    return Group(Columns([table, sums], padding=(0, 6)), Text(note, style="dim"))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""


def _whole(minor_units: int, currency: str) -> str:
    return money(minor_units, currency).partition(".")[0]


def _money(minor_units: int, currency: str) -> str:
    return f"{_whole(minor_units, currency)} {'€' if currency == 'EUR' else currency}"
