"""Every page: narrow and light, wide and dark. tests/site/test_site.py looks at a page of each kind
the other way round."""

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from course.chapters import CHAPTERS, ROOT
from tests.site import pages
from tests.site.pages import NARROW, WIDE, check

WRITTEN = [f"{page.stem}/" for page in sorted((ROOT / "docs").glob("*.md"))]
# One program makes the comparisons, so the last two steps stand for all.
COMPARED = f"compare/{CHAPTERS[-2].number}-{CHAPTERS[-1].number}/"

address, site, tab = pages.address, pages.site, pages.tab  # fixtures

pytestmark = pytest.mark.xdist_group("pages")  # they share a site, which takes seconds to build


@pytest.mark.parametrize("name", [*WRITTEN, COMPARED, "404.html"])
def test_everybody_can_read(tab: WebDriver, address: str, name: str) -> None:
    check(tab, address, "" if name == "index/" else name, [(NARROW, "light"), (WIDE, "dark")])
