"""The site: it is built without a warning, it has no dead end, it asks nobody else for anything,
everybody can read it, and its buttons give the steps back byte for byte."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.wait import WebDriverWait

from course import matrix
from course.chapters import CHAPTERS, ROOT, Chapter
from course.judge.browser import open_browser

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8")
WRITTEN = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
EVERYTHING = f"compare/{CHAPTERS[0].number}-{CHAPTERS[-1].number}"
# One program draws the comparisons: the largest and the smallest show what there is to see.
LOOKED_AT = [*WRITTEN, EVERYTHING, "compare/3-4"]
WIDE, NARROW, DARK = 1280, 400, "[data-md-color-scheme=slate]"
# What is wider than its place, where nothing can be scrolled.
CLIPPED = """return [...document.querySelectorAll(".terminal, .terminal *")]
    .filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth)
    .map((each) => each.textContent)"""

pytestmark = pytest.mark.xdist_group("site")
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda each: each.folder.name)


def build(course: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", site]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=course, env=environment, timeout=120, **pipes)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as it is published."""
    folder = tmp_path_factory.mktemp("site")
    result = build(ROOT, folder)
    assert result.returncode == 0, result.stdout
    assert "WARNING" not in result.stdout, result.stdout
    return folder


def page(site: Path, name: str) -> BeautifulSoup:
    path = site / "index.html" if name == "index" else site / name / "index.html"
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


# Read: no browser needed


class Links(HTMLParser):
    """What a page can be linked by (ids), and what it links to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src", "srcset"):
                self.links.append(value)


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {path: Links(path) for path in site.rglob("*.html")}
    dead, followed = [], 0
    for path, page in pages.items():
        if path.name == "404.html":  # its links depend on where the site is served
            continue
        here = f"http://site/{path.relative_to(site).as_posix()}"
        for each in page.links:
            link = urlsplit(urljoin(here, each))
            if link.netloc != "site":
                continue
            followed += 1
            target = site / unquote(link.path.lstrip("/"))
            target = target / "index.html" if link.path.endswith("/") else target
            anchor = unquote(link.fragment)
            if not target.is_file() or (anchor and anchor not in pages[target].ids):
                dead.append(f"{here}: {each}")
    assert followed > 1000
    assert not dead, "\n".join(dead)


def test_a_row_of_the_matrix_names_where_it_is_taught(site: Path) -> None:
    """`learn.py check` names it in a terminal, where no builder checks it."""
    for row in matrix.load():
        file, _, anchor = row.page.partition("#")
        ids = Links(site / file.removesuffix(".md") / "index.html").ids
        assert not anchor or anchor in ids, row.page


@every_chapter
def test_the_buttons_of_a_chapter_give_the_step_back(
    site: Path, chapter: Chapter, tmp_path: Path
) -> None:
    """As a reader would, from an empty folder and with the page alone."""
    for file in page(site, chapter.folder.name).select("details.file"):
        if file["data-status"] == "removed":
            continue
        path = tmp_path / file["data-path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        button = file.select_one("button")
        path.write_bytes((button["data-clipboard-text"] if button else "").encode())
    assert contents(tmp_path) == contents(chapter.folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache"} & set(path.parts)
    }


@every_chapter
def test_a_chapter_has_the_shape_of_all_chapters(site: Path, chapter: Chapter) -> None:
    headings = [each.contents[0] for each in page(site, chapter.folder.name).select("h2")]
    assert headings == [
        "What you will be able to do",
        "Predict first",
        "Run it",
        "The change",
        "The path of one message",
        "See it",
        "When it goes wrong",
        "Check yourself",
        "What is still missing",
        "Every file of this step",
    ]


# Broken: each fault stops the build, in words that say where it is


def edit(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(course: Path) -> None:
        text = (course / path).read_text("utf-8")
        assert old in text, f"{path} should have this, to be broken: {old}"
        (course / path).write_text(text.replace(old, new, 1), "utf-8")

    return change


FAULTS = {
    "a method has another name": (
        edit("step4_async/chat/consumers.py", "async def receive(", "async def recieve("),
        "has no ChatConsumer.receive; the nearest is ChatConsumer.recieve",
    ),
    "a line is added to a step": (
        edit("step3_channel_layer/chat/views.py", "\n\n\ndef index", "\nHELLO = 1\n\n\ndef index"),
        "layer.md, no step fence shows step3_channel_layer/chat/views.py:7: + HELLO = 1",
    ),
    "a listing is gone": (
        edit("docs/step3_channel_layer.md", "CHANNEL_LAYERS\n```", "ROOT_URLCONF\n```"),
        "no step fence shows step3_channel_layer/mysite/settings.py",
    ),
    "a page says no step": (
        edit("docs/step2_sync_consumer.md", "step: 2\n", "stop: 2\n"),
        "docs/step2_sync_consumer.md: its first lines have to say `step: 2`",
    ),
    "a link is dead": (
        edit("docs/index.md", "(glossary.md", "(glosary.md"),
        "index.md' contains a link 'glosary.md",
    ),
    "an anchor is gone": (
        edit("docs/glossary.md", "## Channel layer", "## Channels layer"),
        "does not contain an anchor '#channel-layer'",
    ),
    "a diagram is stale": (
        edit(
            "docs/step3_channel_layer.md",
            "accTitle: One message in step 3",
            "accTitle: One message in step 3\n  %% more",
        ),
        "layer.md: the diagram one-message-in-step-3 is drawn from another source",
    ),
    "a recording is stale": (
        edit("step4_async/chat/static/chat/chat.css", "1.5rem", "1.6rem"),
        "step4_async has changed since it was recorded: run `python3 learn.py record`",
    ),
    "a page is in no menu": (
        edit("mkdocs.yml", "      - life.md\n", ""),
        'not included in the "nav"',
    ),
    "a page is gone": (
        lambda course: (course / "docs/step5_testing.md").unlink(),
        "there is no page step5_testing.md for step 5",
    ),
    "a mistake is not in the catalogue": (
        edit("docs/step4_async.md", "missing-await", "missing-wait"),
        "docs/step4_async.md",
    ),
    "a plot of what was not measured": (
        edit("docs/performance.md", "plot throughput 100\n", "plot throughput 101\n"),
        "docs/performance.md, bench plot throughput 101: there is no throughput 101",
    ),
    "a step has a file that is no text": (
        lambda course: (course / "step3_channel_layer/logo.png").write_bytes(b"\x89PNG\0"),
        "step3_channel_layer/logo.png is new, and the page does not name it",
    ),
}


@pytest.mark.xdist_group("site faults")
@pytest.mark.parametrize("fault", FAULTS)
def test_the_build_stops_when(fault: str, tmp_path: Path) -> None:
    break_it, says = FAULTS[fault]
    course = tmp_path / "course"
    steps = [chapter.folder.name for chapter in CHAPTERS]
    for name in ("bench", "course", "deploy", "docs", "layers", *steps):
        ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
        shutil.copytree(ROOT / name, course / name, ignore=ignored)
    for name in ("docker-compose.yml", "mkdocs.yml"):
        shutil.copy(ROOT / name, course)
    break_it(course)
    result = build(course, tmp_path / "site")
    assert result.returncode != 0, result.stdout
    assert says in result.stdout


# Opened, in a real browser


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def tab() -> Iterator[WebDriver]:
    driver = open_browser("performance")
    if "chrom" not in driver.name:
        driver.quit()
        pytest.skip("only Chrome and Chromium tell a test what a page asks for")
    driver.execute_cdp_cmd("Network.enable", {})
    yield driver
    driver.quit()


def look(tab: WebDriver, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    tab.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    tab.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def url(address: str, name: str) -> str:
    return f"{address}/" if name == "index" else f"{address}/{name}/"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xdist_group(f"site pages {i % 2}"))
        for i, name in enumerate(LOOKED_AT)
    ],
)
def test_a_page_asks_nobody_else_and_can_be_read_by_everybody(
    tab: WebDriver, address: str, name: str
) -> None:
    for log in "performance", "browser":
        tab.get_log(log)  # what was before is not this page's
    for width in WIDE, NARROW:
        look(tab, width, "light")
        tab.get(url(address, name))
        tab.execute_script(f"{AXE}; window.axe = axe")
        tab.execute_script(
            "document.querySelectorAll(arguments[0]).forEach(each => each.open = true)",
            # Whole files look alike: they are folded out where there are most of them.
            "details" if name == EVERYTHING else "details:not(.file)",
        )
        wide = tab.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"At {width} px the page is {wide} px wide."
        assert tab.execute_script(CLIPPED) == [], f"cut off at {width} px"
        assert violations(tab) == [], f"at {width} px, light"
        look(tab, width, "dark")
        WebDriverWait(tab, 5).until(lambda _: tab.find_elements(By.CSS_SELECTOR, DARK))
        assert violations(tab, "color-contrast") == [], f"at {width} px, dark"
    asked = [json.loads(entry["message"])["message"] for entry in tab.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in asked
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert urls and not [each for each in urls if not each.startswith((address, "data:"))]
    assert tab.get_log("browser") == []


def violations(tab: WebDriver, *rules: str) -> list[str]:
    """Return what axe-core has against the page: by all its rules, or by these."""
    found = tab.execute_async_script(
        "const [rules, done] = arguments;"
        "const options = {resultTypes: ['violations'], ...(rules.length && {runOnly: rules})};"
        "axe.run(options).then(result => done(result.violations))",
        rules,
    )
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes'][:3]]}"
        for each in found
    ]


def test_a_request_to_elsewhere_would_be_seen(tab: WebDriver, address: str) -> None:
    tab.get_log("performance")
    tab.get(url(address, "glossary"))
    tab.execute_script("new Image().src = 'http://127.0.0.2:9/elsewhere.png'")
    WebDriverWait(tab, 5).until(
        lambda _: any("elsewhere.png" in entry["message"] for entry in tab.get_log("performance"))
    )


def test_a_page_that_cannot_be_read_would_be_seen(tab: WebDriver, address: str) -> None:
    tab.get(url(address, "glossary"))
    tab.execute_script(AXE + "; window.axe = axe")
    tab.execute_script("document.querySelector('article p').style.color = '#ccc'")
    look(tab, WIDE, "light")
    assert any("color-contrast" in each for each in violations(tab))


def test_a_copy_button_gives_exactly_the_new_code(tab: WebDriver, address: str) -> None:
    look(tab, WIDE, "light")
    allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    tab.execute_cdp_cmd("Browser.grantPermissions", {"permissions": allowed})
    tab.get(url(address, "step4_async"))
    button = tab.find_element(By.CSS_SELECTOR, ".listing:not(.terminal) .listing-copy")
    WebDriverWait(tab, 5).until(
        lambda _: tab.execute_script("return document.readyState") == "complete"
    )
    button.click()
    copied = tab.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied == button.get_attribute("data-clipboard-text")
    assert copied in (CHAPTERS[3].folder / "chat/consumers.py").read_text("utf-8")


def test_copying_a_terminal_gives_the_command_alone(site: Path) -> None:
    [first, *_] = page(site, "step3_channel_layer").select(".terminal button")
    assert first["data-clipboard-text"] == "python3 learn.py run 3"


CONCEPTS = {
    1: "asgi application",
    2: "WebsocketConsumer",
    3: "group on the channel layer",
    4: "AsyncWebsocketConsumer",
    5: "WebsocketCommunicator",
    6: "fan-out outbox",
}


@every_chapter
def test_search_finds_a_chapter_by_its_concept(
    tab: WebDriver, address: str, chapter: Chapter
) -> None:
    look(tab, WIDE, "light")
    tab.get(url(address, "compare"))
    tab.find_element(By.CSS_SELECTOR, ".md-search__input").send_keys(CONCEPTS[chapter.number])
    results = WebDriverWait(tab, 10).until(
        lambda _: tab.find_elements(By.CSS_SELECTOR, ".md-search-result__link")
    )
    pages = [urlsplit(each.get_attribute("href")).path.strip("/") for each in results]
    assert chapter.folder.name in list(dict.fromkeys(pages))[:3], pages
