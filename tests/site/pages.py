"""The site as it is published, served to a browser, and what is looked for on each of its pages."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.wait import WebDriverWait

from course.chapters import ROOT
from course.judge.browser import open_browser
from course.run.serve import wait_until

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8")
WIDE, NARROW = 1280, 400
SCHEMES = {"light": "default", "dark": "slate"}
OPEN = "document.querySelectorAll(arguments[0]).forEach(each => each.open = true)"
# What is wider than its place, where nothing can be scrolled.
CLIPPED = """return [...document.querySelectorAll(".listing, .listing :is(pre, .line, .command)")]
    .filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth)
    .map((each) => each.textContent)"""
# What a table breaks in the middle of a word of code.
BROKEN = """return [...document.querySelectorAll("td code, th code")]
    .filter((each) => each.getClientRects().length > 1).map((each) => each.textContent)"""
# What can be reached with the Tab key though it does not scroll, and the other way round.
UNREACHED = """return [...document.querySelectorAll(".md-content :is(table, div, pre, figure)")]
    .filter((each) => !each.matches(".tabbed-labels")  // Tab goes to Material's radio buttons
        && ["auto", "scroll"].includes(getComputedStyle(each).overflowX)
        && each.scrollWidth > each.clientWidth !== (each.tabIndex === 0))
    .map((each) => each.outerHTML.slice(0, 200))"""


def build(course: Path, site: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Build the site of a copy of the course."""
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", site]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    environment = {**os.environ, "REPO_URL": "", "SITE_URL": "", "NO_MKDOCS_2_WARNING": "1"}
    environment |= variables
    return subprocess.run(command, cwd=course, env=environment, timeout=120, **pipes)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("site"))


def built(folder: Path, **variables: str) -> Path:
    """Build the site in this folder, without a warning."""
    result = build(ROOT, folder, **variables)
    assert result.returncode == 0 and "WARNING" not in result.stdout, result.stdout
    return folder


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=site)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def tab() -> Iterator[WebDriver]:
    driver = open_browser(logs=["performance"])
    if "chrom" not in driver.name:
        driver.quit()
        pytest.skip("only Chrome and Chromium tell a test what a page asks for")
    driver.execute_cdp_cmd("Network.enable", {})
    yield driver
    driver.quit()


def look(tab: WebDriver, url: str, width: int, scheme: str) -> None:
    """Open a page at this width, in light or dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    tab.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    listed = [{"name": name, "value": value} for name, value in features.items()]
    tab.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": listed})
    tab.get(url)
    css = f"[data-md-color-scheme={SCHEMES[scheme]}]"
    WebDriverWait(tab, 10).until(lambda _: tab.find_elements(By.CSS_SELECTOR, css))


def check(tab: WebDriver, address: str, name: str, looks: list[tuple[int, str]]) -> None:
    """Look at a page, at these widths and in these schemes: it fits, everybody can read it by the
    rules of axe-core (in the dark, those of contrast), it asks nobody else for anything and
    complains of nothing."""
    for log in "performance", "browser":
        tab.get_log(log)  # what was before is not this page's
    # Whole files look alike and are most of what axe reads: those of a comparison stand for all.
    files = name.startswith("compare/")
    for width, scheme in looks:
        look(tab, f"{address}/{name}", width, scheme)
        place = f"{name} at {width} px, {scheme}"
        tab.execute_script(OPEN, "details" if files else "details:not(.file)")
        wide = tab.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{place}: {wide} px wide"
        assert tab.execute_script(CLIPPED) == [], f"cut off on {place}"
        assert tab.execute_script(BROKEN) == [], f"broken on {place}"
        wait_until(lambda: not tab.execute_script(UNREACHED), f"{place}: Tab or scroll")
        if not files:
            tab.execute_script("document.querySelectorAll('.file').forEach(each => each.remove())")
        rules = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
        found = tab.execute_async_script(
            f"{AXE}; axe.run({{resultTypes: ['violations'], ...arguments[0]}}).then(found =>"
            "arguments[1](found.violations.map(each => [each.id, each.help, each.nodes[0].html])))",
            rules,
        )
        assert found == [], place
    events = [json.loads(entry["message"])["message"] for entry in tab.get_log("performance")]
    asked = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    urls = [each["request"]["url"] for each in asked]
    assert urls and not [each for each in urls if not each.startswith((address, "data:"))]
    assert tab.get_log("browser") == []
