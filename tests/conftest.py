"""Running steps, real tabs, and failures that speak to a person."""

import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.remote.webdriver import WebDriver

from course.chapters import ROOT, Chapter
from course.judge.browser import Tab, open_browser
from course.judge.scenarios.stage import Stage
from course.matrix import Behaviour
from course.run.serve import PrivateRedis, Server, free_port

RESULTS = ROOT / "test-results"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--step", type=int, help="only the cases of the chapter with this number")
    parser.addoption(
        "--compose", action="store_true", help="against running services named step1, step2, ..."
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --step, keep the cases of that chapter only."""
    if (number := config.getoption("--step")) is None:
        return
    kept = [
        item
        for item in items
        if hasattr(item, "callspec")
        and getattr(item.callspec.params.get("chapter"), "number", None) == number
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def browser() -> Iterator[Callable[[], WebDriver]]:
    """Opens the browser when a tab is first needed; one serves all the tests of a worker."""
    opened: list[WebDriver] = []

    def get() -> WebDriver:
        if not opened:
            if remote := os.environ.get("SELENIUM_REMOTE_URL"):
                _wait_until_ready(remote)
            opened.append(open_browser())
        return opened[0]

    yield get
    for driver in opened:
        driver.quit()


def _wait_until_ready(remote: str, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            urlopen(f"{remote}/status", timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    raise WebDriverException(f"No browser answers at {remote} after {patience:.0f} seconds.")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Shared"]:
    """The servers that many tests use, each started when it is first needed."""
    shared = Shared(tmp_path_factory.mktemp("servers"))
    yield shared
    shared.stop()


class Shared:
    """Servers by step and channel layer, and one Redis for those that need one."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.servers: dict[tuple[Chapter, str], Server] = {}
        self.redis: PrivateRedis | None = None

    def server(self, chapter: Chapter, layer: str) -> Server:
        """Return a running server of this step on this layer."""
        if (chapter, layer) not in self.servers:
            if layer == "redis" and not self.redis:
                self.redis = PrivateRedis()
            redis = self.redis if layer == "redis" else None
            self.servers[chapter, layer] = start(chapter.folder, redis, self.logs)
        return self.servers[chapter, layer]

    def stop(self) -> None:
        """End all of it."""
        for server in self.servers.values():
            server.stop()
        if self.redis:
            self.redis.stop()


def start(
    folder: Path,
    redis: PrivateRedis | None,
    logs: Path,
    program: str = "runserver",
    reload: bool = True,
) -> Server:
    """Start a step, copied alone into an empty folder, on a free port: with this Redis or none."""
    port = free_port()
    alone = logs / f"{port}" / folder.name
    shutil.copytree(folder, alone, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {"REDIS_URL": redis.url if redis else None}
    server = Server(alone, port, environment, alone.with_suffix(".log"), reload, program)
    server.start()
    return server


@pytest.fixture
def stage(
    request: pytest.FixtureRequest,
    row: Behaviour,
    chapter: Chapter,
    layer: str,
    browser: Callable[[], WebDriver],
    shared: Shared,
    tmp_path: Path,
) -> Iterator[Stage]:
    """The site on which a row is played: a server of its own where the row stops or doubles it."""
    room = f"room-{uuid.uuid4().hex[:8]}"
    with ExitStack() as own:
        if request.config.getoption("--compose"):
            if row.needs:
                pytest.skip(f"native only: it needs {', '.join(sorted(row.needs))} to itself")
            if layer == "memory" and "redis" in chapter.services:
                pytest.skip("native only: the services run on Redis")
            url = f"http://step{chapter.number}:{chapter.port}"
            stage = Stage(url, room, browser)
        elif layer == "redis" and not PrivateRedis.available():
            pytest.skip("no redis-server on the PATH")
        elif row.needs:
            redis = None
            if layer == "redis":
                redis = PrivateRedis()
                own.callback(redis.stop)
            servers = []
            for _ in range(2 if "two servers" in row.needs else 1):
                program = "uvicorn" if "uvicorn" in row.needs else "runserver"
                # For one row only: without the reloader it starts in half the time.
                servers.append(start(chapter.folder, redis, tmp_path, program, reload=False))
                own.callback(servers[-1].stop)
            stage = Stage(servers[0].url, room, browser, servers, redis)
        else:
            server = shared.server(chapter, layer)
            stage = Stage(server.url, room, browser, [server])
        own.callback(stage.leave)
        yield stage


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put what a person would look at beside a failure: tabs, consoles, the servers' output."""
    report = yield
    stage = getattr(item, "funcargs", {}).get("stage")
    if report.when == "call" and report.failed and stage:
        for tab in stage.tabs:
            try:
                report.sections.append((f"tab {tab.name}", _tab_report(tab, item.name)))
            except (WebDriverException, OSError) as error:
                report.sections.append((f"tab {tab.name}", f"cannot be looked at: {error}"))
        for server in stage.servers:
            report.sections.append((f"server at {server.url}", server.printed()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of what the pages show was run, and what was not, and why."""
    reports = [each for group in terminalreporter.stats.values() for each in group]
    counts = [
        value
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "prose"
    ]
    if not counts:
        return
    terminalreporter.section("what the pages show")
    run, opened = (sum(each[key] for each in counts) for key in ("run", "opened"))
    left = [(reason, place) for each in counts for place, reason in each["left"]]
    terminalreporter.line(f"{run} blocks of commands run, {opened} addresses opened")
    for reason in sorted({reason for reason, _ in left}):
        places = [place for why, place in left if why == reason]
        terminalreporter.line(f"{len(places)} not run: {reason}: {', '.join(places)}")


def _tab_report(tab: Tab, test: str) -> str:
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^\w-]+", "-", f"{test}-tab-{tab.name}")
    picture = RESULTS / f"{name}.png"
    tab.element("body")  # makes it the tab that the driver looks at
    tab.driver.save_screenshot(str(picture))
    lines = [f"at {tab.driver.current_url}", f"screenshot: {picture.relative_to(ROOT)}"]
    if hasattr(tab.driver, "get_log"):  # Chrome; Firefox does not hand its console out
        lines += [f"console: {entry['message']}" for entry in tab.driver.get_log("browser")]
    return "\n".join(lines)
