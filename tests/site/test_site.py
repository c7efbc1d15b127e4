"""The site: no link leads nowhere, no change of the code is left out, its buttons give the steps
back byte for byte, search finds the chapters, everybody can read it."""

import ast
import re
import shutil
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


def test_a_comparison_opens_what_has_changed_and_only_that(site: Path) -> None:
    files = page(site, "compare/3-4").select("details.file")
    assert {each.has_attr("open") for each in files} == {True, False}
    assert all(each.has_attr("open") == (each["data-status"] != "same") for each in files)


def test_a_chapter_has_the_shape_of_all_chapters(site: Path) -> None:
    for chapter in CHAPTERS:
        headings = [each.contents[0] for each in page(site, chapter.folder.name).select("h2")]
        assert headings == SHAPE.strip().splitlines(), chapter.folder.name


SHAPE = """
What you will learn
Predict first
Run it
Type it yourself
The change
The path of one message
See it
When it goes wrong
Check yourself
What is still missing
Every file of this step
"""
# A file: what is in it -> what is put in its place. Below: what the build has to say of that.
FAULTS = """
step4_async/chat/consumers.py: async def receive( -> async def recieve(
    has no ChatConsumer.receive; the nearest is ChatConsumer.recieve
step3_channel_layer/chat/views.py: def index(request): -> def index(request, more=1):
    no step fence shows step3_channel_layer/chat/views.py:9: + def index(request, more=1):
docs/step3_channel_layer.md: settings.py :: CHANNEL_LAYERS -> settings.py :: ROOT_URLCONF
    docs/step3_channel_layer.md, no step fence shows step3_channel_layer/mysite/settings.py
docs/index.md: (glossary.md -> (glosary.md
    contains a link 'glosary.md
docs/glossary.md: ## Channel layer -> ## Channels layer
    does not contain an anchor '#channel-layer'
docs/step3_channel_layer.md: accDescr: -> accDescr: More.
    the diagram one-message-in-step-3 is out of date: run `python3 learn.py record`
step4_async/chat/static/chat/chat.css: 1.5rem -> 1.6rem
    the recording of step4_async is out of date: run `python3 learn.py record`
mkdocs.yml: - life.md -> # life.md
    not included in the "nav"
docs/step4_async.md: missing-await -> missing-wait
    no mistake is called so. There are:
docs/performance.md: plot throughput 100 -> plot throughput 101
    there is no throughput 101
"""


def test_the_build_reports_whatever_is_wrong(tmp_path: Path) -> None:
    course, last = copy_project(ROOT, tmp_path / "course"), f"{CHAPTERS[-1].folder.name}.md"
    (course / "docs" / last).unlink()
    shutil.copy(ROOT / "docs/recordings/views.png", course / "step3_channel_layer")
    wanted = [f"A reference to '{last}' is included in the 'nav' configuration, which is not found"]
    wanted += ["step3_channel_layer/views.png is new, and the page does not name it"]
    for path, old, new, message in re.findall(r"(.+?): (.+) -> (.+)\n    (.+)", FAULTS):
        text = (course / path).read_text("utf-8")
        assert old in text, f"{path} should have this, to be broken: {old}"
        (course / path).write_text(text.replace(old, new, 1), "utf-8")
        wanted.append(message)
    result = build(course, tmp_path / "site")
    assert result.returncode != 0, result.stdout
    assert not [message for message in wanted if message not in result.stdout], result.stdout


def test_a_print_leaves_folds_folded(tab: WebDriver, address: str) -> None:
    look(tab, f"{address}/step3_channel_layer/", WIDE, "light")
    ready = "return document.readyState == 'complete'"
    wait_until(lambda: tab.execute_script(ready), "the page does not load")
    pdf = b64decode(tab.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert 5 < len(re.findall(rb"/Type\s*/Page\b", pdf)) < 25


HANGING = """const lines = document.querySelectorAll(".listing-code .line:not(.gap)");
return [...lines].flatMap((line) => {
    const range = new Range();
    range.selectNodeContents(line);
    const [first, ...rest] = range.getClientRects();
    return rest.filter((each) => each.top > first.bottom - 2).map((it) => it.left > first.left);
})"""


def test_a_long_line_of_code_goes_on_below_its_beginning(tab: WebDriver, address: str) -> None:
    look(tab, f"{address}/step3_channel_layer/", NARROW, "light")
    assert {*tab.execute_script(HANGING)} == {True}


WIDTHS = """return ["p", ".listing"].map((css) => Math.max(...[...document.querySelectorAll(
    `.md-content__inner > ${css}`)].map((each) => each.clientWidth)))"""


def test_words_are_in_short_lines_and_code_in_long_ones(tab: WebDriver, address: str) -> None:
    look(tab, f"{address}/step3_channel_layer/", WIDE, "light")
    words, code = tab.execute_script(WIDTHS)
    assert words <= 600 and code >= 700


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


# A page of each kind; tests/slow/test_pages.py looks at all of them.
@pytest.mark.parametrize("name", ["", "step3_channel_layer/", "matrix/", "performance/"])
def test_everybody_can_read_a_page(tab: WebDriver, address: str, name: str) -> None:
    check(tab, address, name, [(WIDE, "light"), (NARROW, "dark")])


def test_a_copy_button_gives_exactly_the_new_code(tab: WebDriver, address: str) -> None:
    allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    tab.execute_cdp_cmd("Browser.grantPermissions", {"permissions": allowed})
    look(tab, f"{address}/step4_async/", WIDE, "light")
    ready = "return document.readyState == 'complete'"
    wait_until(lambda: tab.execute_script(ready), "the page does not load")
    tab.find_element(By.CSS_SELECTOR, ".listing:not(.terminal) .listing-copy").click()
    copied = tab.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied and copied in (ROOT / "step4_async/chat/consumers.py").read_text("utf-8")
    terminal = tab.find_element(By.CSS_SELECTOR, ".terminal .listing-copy")
    assert terminal.get_attribute("data-clipboard-text") == "python3 learn.py run 4"


LINKS = """return [...document.querySelectorAll(".md-search-result__link")]
    .map((link) => link.href)"""


def test_search_finds_a_chapter_by_its_concept(tab: WebDriver, address: str) -> None:
    look(tab, f"{address}/compare/", WIDE, "light")
    for chapter in CHAPTERS:
        box = tab.find_element(By.CSS_SELECTOR, ".md-search__input")
        box.clear()
        box.send_keys(chapter.concept.replace("`", ""))

        def found(folder: str = chapter.folder.name) -> bool:
            paths = [urlsplit(each).path.strip("/") for each in tab.execute_script(LINKS)]
            return folder in list(dict.fromkeys(paths))[:3]

        wait_until(found, f"{chapter.folder.name} is not found by its concept", 20)
