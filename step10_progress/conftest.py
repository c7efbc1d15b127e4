"""Fixtures: pytest passes them to every test that names them."""

import multiprocessing
import os
import shutil
from copy import deepcopy
from urllib.parse import quote
from uuid import uuid4

import pytest
from channels.testing import WebsocketCommunicator
from django.test import AsyncClient
from mysite import celery_app
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

# The server of the browser tests starts as a new process, as on macOS and Windows. A copy of this
# one would wait forever for the thread that runs its queries.
multiprocessing.set_start_method("spawn", force=True)

PATIENCE = 3  # seconds to wait for what should happen at once: only a failure takes that long


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """Let tasks run where they are called, also with Redis: no test starts a worker."""
    monkeypatch.setattr(celery_app.conf, "task_always_eager", True)


@pytest.fixture(autouse=True)
def fresh_channel_layer(settings):
    """Give every test a channel layer of its own, so that it receives nothing from another test."""
    layer = deepcopy(settings.CHANNEL_LAYERS["default"])
    if "CONFIG" in layer:  # Redis, which outlives the test: there, names of its own
        layer["CONFIG"]["prefix"] = uuid4().hex
    settings.CHANNEL_LAYERS = {"default": layer}  # Channels sees the change and makes a new layer


def pytest_make_parametrize_id(val):
    """Tests that are run with many texts are named after them: shorten the long ones."""
    if isinstance(val, str) and len(val) > 40:
        return f"{val[:3]!a}... ({len(val)} characters)"


class Socket(WebsocketCommunicator):
    """The tab's end of a socket, without a browser and without a server."""

    def __init__(self, application, room, origin, since, client):
        headers = [(b"origin", origin.encode())] if origin else []
        if client:
            headers.append((b"cookie", client.cookies.output(header="", sep=";").encode()))
        path = f"/ws/chat/{quote(room, safe='')}/?since={since}" if room else "/ws/alerts/"
        super().__init__(application, path, headers)

    async def opens(self):
        """Return whether the server accepts the socket. Without an answer, the test fails."""
        try:
            accepted, _ = await self.connect(PATIENCE)
        except TimeoutError:
            pytest.fail("The socket was neither accepted nor refused.")
        return accepted

    async def next_frame(self):
        """Return the next frame, or None if none comes, so that a test can show what is missing."""
        try:
            return await self.receive_json_from(PATIENCE)
        except TimeoutError:
            return None

    async def next_message(self):
        """Return the text of the next frame. Without a text, return what next_frame returns."""
        frame = await self.next_frame()
        return frame and frame.get("message", frame)


@pytest.fixture
async def new_socket(transactional_db):
    """Make sockets with this. They are closed after the test, even if it fails.

    The database is emptied then. `db` would not do: its transaction is of one thread only, and the
    consumer's queries run in another."""
    sockets = []

    def make(application, room, origin=None, since="", client=None):
        sockets.append(Socket(application, room, origin, since, client))
        return sockets[-1]

    yield make
    for socket in sockets:
        if not socket.future.done():
            await socket.disconnect()


@pytest.fixture
def log_in(transactional_db, django_user_model):
    """Log a user in. Return a test client, which has the cookie of the session."""

    async def log_in(name="ann"):
        user, _ = await django_user_model.objects.aget_or_create(username=name)
        client = AsyncClient()
        await client.aforce_login(user)
        return client

    return log_in


@pytest.fixture(scope="session")
def browser():
    """Start Chrome, Chromium or Firefox, without a window, once for all tests."""
    os.environ.setdefault("SE_AVOID_STATS", "true")  # Selenium tells nobody that it was here
    os.environ.setdefault("SE_AVOID_BROWSER_DOWNLOAD", "true")
    problems = []
    for start in start_chrome, start_firefox:
        try:
            browser = start()
            break
        except WebDriverException as error:
            problems.append(f"{start.__name__}: {error.msg}")
    else:
        # Not a skip: a test that is skipped when it cannot run can never fail.
        pytest.fail(
            "These tests need a browser. Install Chrome, Chromium or Firefox; on Debian and Ubuntu:"
            " apt install chromium chromium-driver\n" + "\n".join(problems),
            pytrace=False,
        )
    yield browser
    browser.quit()


def start_chrome():
    options = webdriver.ChromeOptions()
    options.binary_location = on_path("google-chrome", "chromium", "chromium-browser") or ""
    options.add_argument("--headless=new")
    options.add_argument("--no-first-run")
    options.add_argument("--disable-background-networking")
    options.add_argument("--disable-dev-shm-usage")  # containers have too little of it
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # with its sandbox, Chrome does not start for root
    return webdriver.Chrome(options, webdriver.ChromeService(on_path("chromedriver")))


def start_firefox():
    options = webdriver.FirefoxOptions()
    options.add_argument("-headless")
    return webdriver.Firefox(options, webdriver.FirefoxService(on_path("geckodriver")))


def on_path(*names):
    """Return the first of these programs that is there, else None: Selenium then looks itself."""
    return next(filter(None, map(shutil.which, names)), None)
