"""The prose of the site: short, plain, and the code of a chapter comes early."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from course.chapters import CHAPTERS, ROOT
from tests.site import pages

site = pages.site  # a fixture

pytestmark = pytest.mark.xdist_group("site")

# Visible words, without code and without what is folded.
CORE, LATER, TROUBLESHOOTING, BEFORE_CODE = 2200, 2500, 4000, 500
CODE = "pre, figure, script, style, svg"
# Old-fashioned, or of several meanings: fix, receive, of another site are plain.
NOT_PLAIN = re.compile(
    r"\b(mend(s|ed|ing)?|cures?|hears?|heard|foreign|whoever|lest|hence|thereby|thereof|"
    r"whence|bare way|the latter|is to be had|played the wrong way)\b",
    re.IGNORECASE,
)


def words(text: Tag) -> list[str]:
    return text.get_text(" ").split()


def article(page: Path) -> Tag:
    found = BeautifulSoup(page.read_text("utf-8"), "html.parser").article
    for each in found.select("details, .headerlink"):
        each.decompose()
    return found


def test_pages_are_short_and_show_code_early(site: Path) -> None:
    limits = {"troubleshooting": TROUBLESHOOTING}
    for chapter in CHAPTERS:
        name = chapter.folder.name
        limits[name] = CORE if chapter.number < 5 else LATER
        if (site / f"{name}_tests").exists():
            limits[f"{name}_tests"] = LATER
    for name, limit in limits.items():
        text = article(site / name / "index.html")
        if name != "troubleshooting":
            first = text.select_one("figure.listing:not(.terminal)")
            before = sum(
                len(each.split())
                for each in first.find_all_previous(string=True)
                if text in each.parents and not each.find_parent(["pre", "figure"])
            )
            assert before <= BEFORE_CODE, f"{name}: {before} words before the first code"
        for each in text.select(CODE):
            each.decompose()
        assert len(words(text)) <= limit, f"{name}: {len(words(text))} words, {limit} is the most"


def test_the_words_are_plain() -> None:
    found = []
    for page in [
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
    ]:
        prose = re.sub(
            r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        prose = re.sub(r"`[^`]*`|\]\([^)]*\)", "", prose)  # nor names and addresses
        found += [f"{page.name}: {each[0]}" for each in NOT_PLAIN.finditer(prose)]
    assert not found, "\n".join(found)
