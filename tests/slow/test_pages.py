"""Every page, of a site that knows its address and its repository: narrow and light, wide and dark.
tests/site/test_site.py looks at two of them the other way round."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from selenium.webdriver.remote.webdriver import WebDriver

from course.chapters import CHAPTERS, ROOT
from tests.site import pages
from tests.site.pages import NARROW, WIDE, built, check

WRITTEN = [f"{page.stem}/" for page in sorted((ROOT / "docs").glob("*.md"))]
# One program makes the comparisons, so that of the first two steps, a small one, stands for all.
COMPARED = f"compare/{CHAPTERS[0].number}-{CHAPTERS[1].number}/"
REPOSITORY, WHERE = "https://github.com/someone/course", "https://example.org/"

address, tab = pages.address, pages.tab  # fixtures

pytestmark = pytest.mark.xdist_group("pages")  # they share a site, which takes seconds to build


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("site"), REPO_URL=REPOSITORY, SITE_URL=WHERE)


@pytest.mark.parametrize("name", [*WRITTEN, COMPARED, "404.html"])
def test_everybody_can_read(tab: WebDriver, address: str, name: str) -> None:
    check(tab, address, "" if name == "index/" else name, [(NARROW, "light"), (WIDE, "dark")])


def test_pages_have_links_to_the_repository_and_their_own_address(site: Path) -> None:
    home, chapter = (
        BeautifulSoup((site / name / "index.html").read_text("utf-8"), "html.parser")
        for name in ("", "step3_channel_layer")
    )
    edit = chapter.select_one("a[rel=edit], .md-content__button")["href"]
    assert edit == f"{REPOSITORY}/edit/main/docs/step3_channel_layer.md"
    feedback = chapter.select_one(".feedback a")["href"]
    assert feedback.startswith(f"{REPOSITORY}/issues/new?title=Page%20")
    assert chapter.select_one("link[rel=canonical]")["href"] == f"{WHERE}step3_channel_layer/"
    card = chapter.select_one("meta[property='og:image']")["content"]
    assert card.startswith(WHERE) and (site / card.removeprefix(WHERE)).is_file()
    assert home.select_one(f".first-screen a[href='{REPOSITORY}']")
    # Material's own link would ask the repository's host for its stars.
    assert not chapter.select("[data-md-component=source]")
