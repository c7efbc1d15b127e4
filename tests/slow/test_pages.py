"""Every page, wide and narrow, in light and in dark."""

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from course.chapters import CHAPTERS, ROOT
from tests.site import pages
from tests.site.pages import NARROW, SCHEMES, WIDE, check

WRITTEN = [f"{page.stem}/" for page in sorted((ROOT / "docs").glob("*.md"))]
# One program makes the comparisons: the largest shows what there is to see.
COMPARED = f"compare/{CHAPTERS[0].number}-{CHAPTERS[-1].number}/"

address, site, tab = pages.address, pages.site, pages.tab  # fixtures

pytestmark = pytest.mark.xdist_group("pages")


@pytest.mark.parametrize("name", [*WRITTEN, COMPARED])
def test_everybody_can_read(tab: WebDriver, address: str, name: str) -> None:
    looks = [(width, scheme) for width in (WIDE, NARROW) for scheme in SCHEMES]
    check(tab, address, "" if name == "index/" else name, looks)
