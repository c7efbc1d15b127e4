"""The site: no link leads nowhere, no change of the code is left out, its buttons give the steps
back byte for byte, search finds the chapters, everybody can read it."""

import ast
import json
import re
import shutil
import tomllib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from pathlib import Path
from textwrap import dedent
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from course import matrix
from course.chapters import CHAPTERS, ROOT, predecessor, provided
from course.compare import compare
from course.run.serve import copy_project, wait_until
from tests.site import pages
from tests.site.pages import NARROW, WIDE, build, check, look

address, site, tab = pages.address, pages.site, pages.tab  # fixtures

pytestmark = pytest.mark.xdist_group("site")
DATA = tomllib.loads(Path(__file__).with_name("site.toml").read_text("utf-8"))


def page(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name / "index.html").read_text("utf-8"), "html.parser")


def attributes(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield each attribute of a page, with its tag and its value."""
    for tag, inside in re.findall(r"<([a-z]\w*)\s([^>]*)>", path.read_text("utf-8")):
        for name, value in re.findall(r'([\w-]+)="([^"]*)"', inside):
            yield tag, name, unescape(value)


def test_every_link_leads_somewhere_and_nothing_comes_from_elsewhere(site: Path) -> None:
    found = {path: list(attributes(path)) for path in site.rglob("*.html")}
    ids = {path: {value for _, name, value in all_ if name == "id"} for path, all_ in found.items()}
    # `learn.py check` names where a row is taught in a terminal, where no builder checks it.
    rows = [("a", "href", row.page.replace(".md", "/")) for row in matrix.load()]
    found[site / "index.html"] += rows
    del found[site / "404.html"]  # its links depend on where the site is served
    dead, followed = [], 0
    for path, listed in found.items():
        here = f"http://site/{path.relative_to(site).as_posix()}"
        for tag, name, value in listed:
            if name not in ("href", "src", "srcset"):
                continue
            link = urlsplit(urljoin(here, value))
            assert tag == "a" or link.netloc == "site", f"{here} asks elsewhere for {value}"
            if link.netloc == "site":
                followed += 1
                target = site / unquote(link.path.lstrip("/"))
                target = target / "index.html" if link.path.endswith("/") else target
                anchor = unquote(link.fragment)
                if not target.is_file() or (anchor and anchor not in ids[target]):
                    dead.append(f"{here}: {value}")
    assert followed > 1000
    assert not dead, "\n".join(dead)


def test_the_buttons_of_a_chapter_give_the_step_back(site: Path) -> None:
    """Byte for byte, and no file is missing."""
    for chapter in CHAPTERS:
        files = page(site, chapter.folder.name).select("details.file:not([data-status=removed])")
        buttons = {each["data-path"]: each.select_one("button") for each in files}
        assert buttons.keys() == {each.path for each in compare(None, chapter.folder)}
        for path, button in buttons.items():
            copied = button["data-clipboard-text"] if button else ""
            assert copied.encode() == (chapter.folder / path).read_bytes(), path


def test_a_chapter_shows_each_changed_line_once(site: Path) -> None:
    """What is red and green on its pages is the diff, no more and no less."""
    for chapter in CHAPTERS[1:]:
        name, shown = chapter.folder.name, []
        for path in (site / name, site / f"{name}_tests"):
            for line in page(site, path.name).select("ins.line, del.line") if path.exists() else ():
                mark, file = "+-"[line.name == "del"], line.find_parent("figure")["data-name"]
                # Neither a mistake's fix nor what is below “Every file of this step”.
                if file.startswith(f"{name}/") and not line.find_parent("details", "failure"):
                    number = int(line["data-old" if mark == "-" else "data-new"])
                    shown.append((file.removeprefix(f"{name}/"), number, mark, line.text[:-1]))
        real = [
            (file.path, line.old if line.mark == "-" else line.new, line.mark, line.text)
            for file in compare(predecessor(chapter), chapter.folder)
            for line in (file.lines if file.status == "changed" else ())
            if line.mark != " "
        ]
        shown, real = (
            sorted(each for each in lines if each[3].strip() and not provided(each[0]))
            for lines in (shown, real)
        )
        assert shown == real, name


def test_what_a_button_copies_is_whole(site: Path) -> None:
    """A piece of Python compiles (or is an entry of a dict), a command is one, and never kills."""
    for path in site.glob("*/index.html"):
        html = page(site, path.parent.name)
        for button in html.select("figure[data-name$='.py'] button"):
            code = dedent(button["data-clipboard-text"])
            with suppress(SyntaxError):
                ast.parse(f"{{{code}}}")
                continue
            ast.parse(code, f"{path.parent.name}: {button['aria-label']}")
        for button in html.select(".terminal button"):
            assert not re.search(r"\n|\bkill\b", button["data-clipboard-text"]), path
        assert not html.select(".filename, .highlight .gd"), f"{path}: a block that we do not draw"
        for command in html.select(".terminal .command"):
            assert "kill" in command.text or command.button, f"{path}: {command.text}"


def test_a_comparison_opens_what_has_changed_and_only_that(site: Path) -> None:
    files = page(site, "compare/3-4").select("details.file")
    assert {each.has_attr("open") for each in files} == {True, False}
    assert all(each.has_attr("open") == (each["data-status"] != "same") for each in files)


def test_a_chapter_has_the_shape_of_all_chapters(site: Path) -> None:
    for chapter in CHAPTERS:
        headings = [each.contents[0] for each in page(site, chapter.folder.name).select("h2")]
        assert headings == DATA["shape"].splitlines(), chapter.folder.name


def test_the_build_reports_whatever_is_wrong(tmp_path: Path) -> None:
    course, last = copy_project(ROOT, tmp_path / "course"), f"{CHAPTERS[-1].folder.name}.md"
    (course / "docs" / last).unlink()
    shutil.copy(ROOT / "docs/recordings/views.png", course / "step3_channel_layer")
    wanted = [f"A reference to '{last}' is included in the 'nav' configuration, which is not found"]
    wanted += ["step3_channel_layer/views.png is new, and the page does not name it"]
    for fault in DATA["faults"]:
        text = (file := course / fault["file"]).read_text("utf-8")
        assert fault["old"] in text, f"{file} should have this, to be broken: {fault['old']}"
        file.write_text(text.replace(fault["old"], fault["new"], 1), "utf-8")
        wanted.append(fault["says"])
    result = build(course, tmp_path / "site")
    assert result.returncode != 0, result.stdout
    assert not [message for message in wanted if message not in result.stdout], result.stdout


def test_a_print_leaves_folds_folded(tab: WebDriver, address: str) -> None:
    look(tab, f"{address}/step3_channel_layer/", WIDE, "light")
    loaded(tab)
    pdf = b64decode(tab.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert 5 < len(re.findall(rb"/Type\s*/Page\b", pdf)) < 25


# Of each line of code: its columns, the rows it goes on with, how many of them have a sign, and
# whether they are to the right of its beginning.
ROWS = """return [...document.querySelectorAll(".listing .line")].filter((it) => it.offsetHeight)
.map((line) => {
    const rows = (box) => Math.round(parseFloat(box) / parseFloat(sign.lineHeight));
    const sign = getComputedStyle(line, "::after"), range = new Range();
    range.selectNodeContents(line);
    if (line.querySelector("button")) range.setStart(line, 1);
    const [first, ...rest] = range.getClientRects();
    return [line.textContent.trimEnd().length, rows(line.clientHeight) - 1,
        sign.content.startsWith('"↳') && rows(sign.height),
        rest.every((each) => each.top < first.bottom - 2 || each.left > first.left)];
})"""
WIDTHS = """return ["p", ".listing"].map((css) => Math.max(...[...document.querySelectorAll(
    `.md-content__inner > ${css}`)].map((each) => each.clientWidth)))"""


def test_words_are_in_short_lines_and_code_in_long_ones(tab: WebDriver, address: str) -> None:
    """A line of code that is too long goes on to the right of its beginning, with a sign; none of
    88 columns is too long, where there is no button beside it."""
    look(tab, f"{address}/step3_channel_layer/", WIDE, "light")
    words, code = tab.execute_script(WIDTHS)
    assert words <= 600 and code >= 700
    for width, fits in ((WIDE, 88), (NARROW, 30)):
        look(tab, f"{address}/step3_channel_layer/", width, "light")
        tab.execute_script(pages.OPEN, "details")
        rows = tab.execute_script(ROWS)
        assert {signs - more for _, more, signs, _ in rows} == {0}
        assert {hangs for *_, hangs in rows} == {True}
        assert fits < min(columns for columns, more, *_ in rows if more)


WRAP, SCROLLS = ".listing-wrap", ".listing .highlight[tabindex='0']"
LOST = """return [...document.querySelectorAll(".listing-copy")].filter((each) => each.offsetWidth
    && each.getBoundingClientRect().right > each.closest(".listing").getBoundingClientRect().right)
    .map((each) => each.ariaLabel)"""


def test_long_lines_are_wrapped_or_scroll_as_the_reader_chose(tab: WebDriver, address: str) -> None:
    """By the keyboard, for all pages, and without losing a copy button. Short lines: no button."""
    look(tab, f"{address}/step3_channel_layer/", NARROW, "light")
    loaded(tab)
    shown = [button for button in tab.find_elements(By.CSS_SELECTOR, WRAP) if button.is_displayed()]
    assert 0 < len(shown) < len(tab.find_elements(By.CSS_SELECTOR, WRAP))
    assert not tab.find_elements(By.CSS_SELECTOR, SCROLLS)
    shown[0].send_keys(" ")
    for name in ("step3_channel_layer/", "step4_async/"):  # another page, too
        look(tab, f"{address}/{name}", NARROW, "light")
        loaded(tab)
        assert len(tab.find_elements(By.CSS_SELECTOR, SCROLLS)) > 1
        assert tab.execute_script(pages.UNREACHED) == tab.execute_script(LOST) == []
    tab.find_element(By.CSS_SELECTOR, f"{WRAP}[aria-pressed=false]:not([hidden])").send_keys(" ")
    tab.refresh()
    loaded(tab)
    assert not tab.find_elements(By.CSS_SELECTOR, SCROLLS)


HEIGHTS = """return [...document.querySelectorAll("tbody tr")].map((row) =>
    row.offsetHeight / parseFloat(getComputedStyle(row).lineHeight))"""


def test_the_matrix_is_narrow_and_its_marks_have_names(tab: WebDriver, address: str) -> None:
    look(tab, f"{address}/matrix/", WIDE, "light")
    assert max(tab.execute_script(HEIGHTS)) < 3, "two lines, and the space around them"
    table = BeautifulSoup(tab.page_source, "html.parser").select_one("table")
    heads = [each["href"] for each in table.select("th a") if " " in each.text]
    assert heads == [f"../{each.folder.name}/" for each in CHAPTERS]
    marks = {(each.text, each["aria-label"]) for each in table.select("[role=img]")}
    assert marks == {("✔", "works"), ("✘", "does not work yet"), ("–", "has no meaning here")}
    assert len(table.select("[role=img]")) == len(matrix.load()) * len(CHAPTERS)


# The first page, and a chapter's; tests/slow/test_pages.py looks at all of them.
@pytest.mark.parametrize("name", ["", "step3_channel_layer/"])
def test_everybody_can_read_a_page(tab: WebDriver, address: str, name: str) -> None:
    check(tab, address, name, [(WIDE, "light"), (NARROW, "dark")])


def loaded(tab: WebDriver) -> None:
    """Wait until the page's scripts have run."""
    ready = "return document.readyState == 'complete'"
    wait_until(lambda: tab.execute_script(ready), "the page does not load")


def test_a_copy_button_gives_exactly_the_new_code(tab: WebDriver, address: str) -> None:
    allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    tab.execute_cdp_cmd("Browser.grantPermissions", {"permissions": allowed})
    look(tab, f"{address}/step4_async/", WIDE, "light")
    loaded(tab)
    tab.find_element(By.CSS_SELECTOR, ".listing:not(.terminal) .listing-copy").click()
    copied = tab.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied and copied in (ROOT / "step4_async/chat/consumers.py").read_text("utf-8")
    terminal = tab.find_element(By.CSS_SELECTOR, ".terminal .listing-copy")
    assert terminal.get_attribute("data-clipboard-text") == "python3 learn.py run 4"


def test_the_first_screen_has_the_command_the_way_in_and_a_picture(tab, address):
    below = """return [".terminal .gp", "a.md-button[href*=step1]", ".recording img"].map(
        (css) => document.querySelector(css).getBoundingClientRect().bottom)"""
    for width, height in ((WIDE, 800), (NARROW, 800)):
        look(tab, f"{address}/", width, "light")
        loaded(tab)
        wait_until(lambda: max(tab.execute_script(below)) > 0, "nothing is drawn")
        bottoms = tab.execute_script(below)
        assert max(bottoms) <= height, f"{width} px wide: these end at {bottoms}"


SHOWN = """return [...document.querySelectorAll(".recording img")]
    .filter((each) => each.offsetWidth).map((each) => {
        each.scrollIntoView();  // before that, it is not loaded
        return each.currentSrc.split("/").pop(); })"""


def test_a_recording_is_as_light_or_dark_as_the_page(tab: WebDriver, address: str) -> None:
    for scheme, still in (("light", "views.png"), ("dark", "views-dark.png")):
        look(tab, f"{address}/step1_views/", WIDE, scheme)
        loaded(tab)
        wait_until(lambda: tab.execute_script(SHOWN) == [still], f"{still} is not shown")  # noqa: B023


def test_home_shows_a_short_diff_a_small_table_and_a_figure(site: Path) -> None:
    home = page(site, "").article
    assert len(home.select(".listing ins.line, .listing del.line")) <= 8
    marked = next(each for each in home.select("table") if each.select(".mark"))
    assert len(marked.select("tbody tr")) == 5
    assert re.search(r"about\s+\d[\d.]* times as many messages", home.get_text())
    labels = [each.get_text() for each in home.select(".tabbed-labels label")]
    assert labels == ["Linux, macOS", "Windows", "Docker"]


def test_a_site_that_knows_no_address_shows_none(site: Path) -> None:
    """tests/slow/test_pages.py builds one that knows its address and its repository."""
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        if path.parent.name.startswith(("step6_fan_out", "step8_fan_out")):  # old addresses
            assert f"url=../{CHAPTERS[-1].folder.name}" in text
            continue
        for word in ("REPO_URL", 'rel="edit"', "issues/new", "md-source", "og:image", "canonical"):
            assert word not in text, f"{path.relative_to(site)}: {word}"


def test_a_wrong_address_has_ways_on(site: Path) -> None:
    found = BeautifulSoup((site / "404.html").read_text("utf-8"), "html.parser")
    links = [each["href"].strip("/.") for each in found.select("article a")]
    assert links == ["", "step1_views", "troubleshooting", "matrix", "glossary"]
    assert all((site / each / "index.html").is_file() for each in links)
    assert found.select_one("[role=dialog]")["aria-label"] == "Search"
    assert (site / found.select_one("link[rel=icon]")["href"].strip("/")).name == "favicon.svg"


def test_a_chapter_says_where_you_are_and_keeps_what_you_have_done(tab, address):
    look(tab, f"{address}/step3_channel_layer/", WIDE, "light")
    assert tab.find_element(By.CSS_SELECTOR, ".place").text == f"Step 3 of {len(CHAPTERS)}"
    headings = len(DATA["shape"].splitlines()) - 1  # not for the files
    boxes = tab.find_elements(By.CSS_SELECTOR, ".section-done input")
    assert len(boxes) == headings and not any(each.is_selected() for each in boxes)
    assert boxes[2].get_attribute("aria-describedby") == "run-it"
    boxes[2].send_keys(" ")
    tab.refresh()
    boxes = tab.find_elements(By.CSS_SELECTOR, ".section-done input")
    assert [number for number, each in enumerate(boxes) if each.is_selected()] == [2]
    done = tab.find_elements(By.CSS_SELECTOR, ".md-nav--secondary .is-done")
    assert [each.text for each in done if each.is_displayed()] == ["Run it"]
    boxes[2].send_keys(" ")
    tab.refresh()
    assert not tab.find_elements(By.CSS_SELECTOR, ".section-done input:checked, .is-done")


def test_a_recording_can_be_paused(tab: WebDriver, address: str) -> None:
    shown = "return document.querySelector('.recording img').currentSrc.split('.').pop()"
    look(tab, f"{address}/", WIDE, "light")
    assert tab.execute_script(shown) == "png", "whoever asks for less motion gets none"
    assert not tab.find_elements(By.CSS_SELECTOR, ".recording-pause")
    features = [{"name": "prefers-reduced-motion", "value": "no-preference"}]
    tab.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    tab.refresh()
    button = tab.find_element(By.CSS_SELECTOR, ".recording-pause")
    for pressed, kind in (("true", "png"), ("false", "webp")):
        button.send_keys(" ")
        assert button.get_attribute("aria-pressed") == pressed
        wait_until(lambda: tab.execute_script(shown) == kind, f"{kind} is not shown", 5)  # noqa: B023


LINKS = """return [...document.querySelectorAll(".md-search-result__link")]
    .map((link) => link.href)"""


def test_search_finds_the_right_entry_first(tab: WebDriver, address: str) -> None:
    """Of the first page that it lists, the page or the first section; a chapter by its concept on
    the first three pages."""
    look(tab, f"{address}/compare/", WIDE, "light")
    loaded(tab)
    box = tab.find_element(By.CSS_SELECTOR, ".md-search__input")
    meta = "return document.querySelector('.md-search-result__meta').textContent"
    starts = "Initializing"  # what is typed before that ends is lost
    wait_until(lambda: starts not in tab.execute_script(meta), "the search does not start", 30)
    concepts = {each.concept.replace("`", ""): f"{each.folder.name}/" for each in CHAPTERS}
    for words, right in (DATA["searches"] | concepts).items():
        found: list[str] = []
        box.clear()
        box.send_keys(words)

        def comes(words: str = words, right: str = right, found: list[str] = found) -> bool:
            links = map(urlsplit, tab.execute_script(LINKS))
            found[:] = [f"{each.path.lstrip('/')}#{each.fragment}".rstrip("#") for each in links]
            pages = list(dict.fromkeys(each.partition("#")[0] for each in found))
            first = pages[:3] if words in concepts else found[:2]
            return any(re.match(right, each) for each in first)

        wait_until(comes, lambda words=words, found=found: f"{words} finds {found[:6]}", 20)


def test_search_knows_no_page_made_of_code(site: Path) -> None:
    index = json.loads((site / "search/search_index.json").read_text("utf-8"))
    places = [each["location"] for each in index["docs"]]
    assert "troubleshooting/#redis-down" in places, "each mistake has its own address"
    swamps = ("compare/[0-9]", ".*#every-file-of-this-step")
    assert not [each for each in places if any(re.match(swamp, each) for swamp in swamps)]
