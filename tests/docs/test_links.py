"""Links between pages lead somewhere, and every page can be reached."""

import re
from functools import cache
from pathlib import Path

import pytest

from filrouge.documentation.markdown import anchor

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NOT_OURS = ("https://", "mailto:")


@cache
def text_of(path: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", path.read_text())


@cache
def anchors_of(path: Path) -> list[str]:
    """The anchors of a page's headings."""
    return [anchor(title) for title in re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)]


def links_of(path: Path) -> list[str]:
    """Where the links of a page lead, but for those to other hosts."""
    links = LINK.findall(re.sub(r"`[^`\n]*`(?!\])", "", text_of(path)))
    return [link for link in links if not link.startswith(NOT_OURS)]


def target_of(path: Path, link: str) -> tuple[Path, str]:
    """The file and the anchor that a link leads to."""
    file, _, fragment = link.partition("#")
    return ((path.parent / file).resolve() if file else path), fragment


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    """A page that moves, or a heading that is renamed, takes its links along."""
    for link in links_of(path):
        target, fragment = target_of(path, link)
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if fragment:
            assert fragment in anchors_of(target), link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_two_headings_of_a_page_have_one_anchor(path: Path) -> None:
    """A link to the second would lead to the first."""
    if path.name == "CHANGELOG.md":
        return  # its headings repeat with every version
    anchors = anchors_of(path)
    assert len(anchors) == len(set(anchors)), sorted({a for a in anchors if anchors.count(a) > 1})


def test_every_page_can_be_reached_from_the_index() -> None:
    """A page that nothing links to is read by nobody."""
    seen: set[Path] = set()
    todo = [DOCS / "index.md"]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += [
                target
                for link in links_of(path)
                if (target := target_of(path, link)[0]).suffix == ".md"
            ]
    assert {path for path in PAGES if path.is_relative_to(DOCS)} <= seen


def test_the_readme_leads_to_the_documentation() -> None:
    """The first screen says where to go on."""
    targets = {target_of(ROOT / "README.md", link)[0] for link in links_of(ROOT / "README.md")}
    assert {DOCS / "index.md", DOCS / "tutorial.md"} <= targets


def test_pictures_load_nothing_from_elsewhere() -> None:
    """Neither fonts nor anything else."""
    for path in DOCS.rglob("*.svg"):
        text = path.read_text().replace("http://www.w3.org/", "")
        assert not re.search(r"https?://|@import|\burl\((?!#)", text), path
