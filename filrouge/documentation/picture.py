"""The picture of the first screen of the README: a real summary, as a terminal shows it.

It is drawn from the ledger that ``make run`` fills, so it needs that ledger, and is not made anew
with the pages: ``filrouge docs --picture``.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from filrouge.summary import Summary
from filrouge.summary_view import parts

PICTURE: Final = Path(__file__).resolve().parents[2] / "docs" / "images" / "summary.svg"
WIDTH: Final = 112
PAPER: Final = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [
        (36, 41, 47), (176, 24, 42), (17, 99, 41), (77, 45, 0),
        (9, 105, 218), (130, 80, 223), (27, 124, 131), (110, 119, 129),
    ],
)  # fmt: skip
"""Dark on white, with a thread in red."""

# Nothing is loaded: each piece of text says how long it is, so that any monospaced font fits.
FORMAT: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
}}
.{unique_id}-title {{ font: bold 18px sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture(summary: Summary) -> str:
    """The summary as SVG. It loads nothing from anywhere."""
    console = Console(
        file=StringIO(),
        record=True,
        width=WIDTH,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
    for part in parts(summary, console):
        console.print(part)
    return console.export_svg(
        title="make run", theme=PAPER, code_format=FORMAT, unique_id="summary"
    )
