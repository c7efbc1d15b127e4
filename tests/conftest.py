"""Running steps, real tabs, and failures that show what a person would look at."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from urllib.request import urlopen

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver

from course.chapters import ROOT, Chapter
from course.judge.browser import PATIENCE, Tab, lazy_browser
from course.judge.check import Check
from course.judge.scenarios.stage import Stage
from course.judge.target import Project, Target
from course.matrix import Behaviour
from course.run.serve import PrivateRedis, wait_until

RESULTS = ROOT / "test-results"
STAGES = pytest.StashKey[list[Stage]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--step", type=int, help="only the cases of the chapter with this number")
    parser.addoption(
        "--compose", action="store_true", help="against running services named step1, step2, ..."
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest tests, which would keep the others waiting at the end. With --step,
    keep the cases of that chapter only, and what is for every step."""
    items.sort(key=lambda item: not item.get_closest_marker("long"))
    if (number := config.getoption("--step")) is None:
        return
    kept = [
        item
        for item in items
        if item.get_closest_marker("every_step")
        or (
            hasattr(item, "callspec")
            and getattr(item.callspec.params.get("chapter"), "number", None) == number
        )
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def browser() -> Iterator[Callable[[], WebDriver]]:
    """Opens the browser when a tab is first needed; one serves all the tests of a worker."""
    if remote := os.environ.get("SELENIUM_REMOTE_URL"):
        wait_until(lambda: answers(f"{remote}/status"), f"no browser at {remote}", 60)
    with lazy_browser() as get:
        yield get


def answers(url: str) -> bool:
    try:
        urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def project_of() -> Iterator[Callable[[Chapter, str], Project]]:
    """Serves a copy of a step on a channel layer when it is first asked for; the tests of a worker
    share it, and one Redis."""
    with ExitStack() as own:

        @cache
        def redis_url() -> str:
            return own.enter_context(PrivateRedis()).url

        @cache
        def project_of(chapter: Chapter, layer: str) -> Project:
            url = redis_url() if layer == "redis" else None
            return own.enter_context(Project(chapter.folder, services=(), redis_url=url))

        yield project_of


@pytest.fixture
def stage_for(
    request: pytest.FixtureRequest,
    browser: Callable[[], WebDriver],
    project_of: Callable[[Chapter, str], Project],
) -> Iterator[Callable[[Behaviour, Chapter, str], Stage]]:
    """Makes the site on which a row of a chapter is played, on a channel layer: with servers of its
    own where the row stops or doubles them."""
    stages = request.node.stash[STAGES] = []
    with ExitStack() as own:

        def make(row: Behaviour, chapter: Chapter, layer: str) -> Stage:
            if request.config.getoption("--compose"):
                if row.needs:
                    pytest.skip(f"native only: it needs {', '.join(sorted(row.needs))} to itself")
                if layer == "memory" and "redis" in chapter.services:
                    pytest.skip("native only: the services run on Redis")
                url = f"http://step{chapter.number}:{chapter.port}"
                check = Check(Target(url, url), chapter, browser, patience=PATIENCE)
            elif layer == "redis" and not PrivateRedis.available():
                pytest.skip("no redis-server on the PATH")
            else:
                check = Check(project_of(chapter, layer), chapter, browser, patience=PATIENCE)
            stages.append(own.enter_context(check.stage(row.needs)))
            return stages[-1]

        yield make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put what a person would look at beside a failure: tabs, consoles, the servers' output."""
    report = yield
    if report.when == "call" and report.failed:
        for stage in item.stash.get(STAGES, []):
            for tab in stage.tabs:
                report.sections.append((f"tab {tab.name}", _tab_report(tab, item.name)))
            for server in stage.servers:
                report.sections.append((f"server at {server.url}", server.printed()))
    return report


def _tab_report(tab: Tab, test: str) -> str:
    RESULTS.mkdir(exist_ok=True)
    picture = RESULTS / f"{re.sub(r'[^a-zA-Z0-9]+', '-', f'{test}-tab-{tab.name}')}.png"
    try:
        tab.element("body")  # makes it the tab that the driver looks at
        tab.driver.save_screenshot(str(picture))
        lines = [f"at {tab.driver.current_url}", f"screenshot: {picture.relative_to(ROOT)}"]
        if hasattr(tab.driver, "get_log"):  # Chrome; Firefox keeps its console to itself
            lines += [f"console: {entry['message']}" for entry in tab.driver.get_log("browser")]
    except (WebDriverException, AssertionError) as error:
        return f"cannot be looked at: {error}"
    return "\n".join(lines)
