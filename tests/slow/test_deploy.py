"""The example in deploy/, laid over a copy of the last step: nginx with TLS, three processes."""

import asyncio
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from importlib.util import find_spec
from pathlib import Path
from socket import create_connection

import psutil
import pytest
import websockets.asyncio.client as asyncio_client
from selenium.webdriver.remote.webdriver import WebDriver
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from course.chapters import CHAPTERS, ROOT
from course.judge.browser import Tab
from course.run.serve import OWN_GROUP, PrivateRedis, free_port, port_taken, stop
from tests.slow.crowd import Crowd

STEP = CHAPTERS[-1]
HOST = "chat.example.org"
CLOSED_WITH = {"daphne": 1006, "uvicorn": 1012}  # when a process is told to end
HELLO = '{"message": "hello"}'
RATE = 10  # messages a second, each for 200 tabs; a layer that holds 100 events keeps up easily
# Notes each thing that a page says of its connection, and when.
WATCH_STATUS = """
    const status = document.getElementById("chat-status");
    const note = () => window.seen.push([status.textContent, performance.now()]);
    window.seen = [];
    new MutationObserver(note).observe(status, { childList: true });
"""
ABSENT = [name for name in ("nginx", "openssl", "redis-server") if not shutil.which(name)]

pytestmark = [
    pytest.mark.skipif(bool(ABSENT), reason=f"not on the PATH: {', '.join(ABSENT)}"),
    pytest.mark.xdist_group("deploy"),  # one site after the other: each is a load of its own
]


def said_ports() -> list[str]:
    """Return the ports that deploy/ names."""
    text = (ROOT / "deploy" / "processes.conf").read_text("utf-8")
    return re.findall(r"server 127\.0\.0\.1:(\d+)", text)


class Site:
    """/srv/chat as docs/deploying.md makes it, but in another folder and on other ports."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder, self.server = folder, server
        self.ports = {port: free_port() for port in said_ports()}
        self.http, self.https = free_port(), free_port()
        self.running: dict[str, subprocess.Popen] = {}
        self.redis = PrivateRedis()
        for part in (STEP.folder, ROOT / "deploy"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(part, folder, dirs_exist_ok=True, ignore=ignore)
        command = ["sh", "self-signed.sh", HOST]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        self._configure_nginx()
        self.trust = ssl.create_default_context(cafile=folder / "tls" / "fullchain.pem")

    @property
    def environment(self) -> dict[str, str]:
        """What chat.env says, with a key, the Redis of this test and a name that browsers find."""
        lines = (self.folder / "chat.env").read_text("utf-8").splitlines()
        said = dict(line.split("=", 1) for line in lines)
        assert not said["DJANGO_SECRET_KEY"], "a key that is in the repository is no secret"
        ours = {"DJANGO_SECRET_KEY": "a key for this test", "REDIS_URL": self.redis.url}
        ours["DJANGO_ALLOWED_HOSTS"] = f"{said['DJANGO_ALLOWED_HOSTS']},localhost"
        return os.environ | {"PYTHONUNBUFFERED": "1"} | said | ours

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Run Python in the site's folder until it ends."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=20,
        )

    def command(self, port: str) -> list[str]:
        """What chat@.service starts for this port with our server, on our Python and our port."""
        unit = (self.folder / "chat@.service").read_text("utf-8")
        line = re.search(rf"^(# )?ExecStart=/srv/chat/.venv/bin/{self.server} (.*)", unit, re.M)
        return ["-m", self.server, *line[2].replace("%i", str(self.ports[port])).split()]

    def start(self, port: str) -> None:
        """Start the process of this port and wait until it is there."""
        self._start(port, [sys.executable, *self.command(port)], self.ports[port])

    def _configure_nginx(self) -> None:
        """Change in nginx's files what differs in a test: places, ports, and for how long the
        sockets of before a reload stay."""
        parts = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"{part}_temp_path {self.folder}/{part};" for part in parts)
        self._change(
            "nginx.conf",
            {
                "/srv/chat/": f"{self.folder}/",
                "listen 80;": f"listen 127.0.0.1:{self.http};",
                "listen 443 ssl;": f"listen 127.0.0.1:{self.https} ssl;",
                "worker_shutdown_timeout 10s;": "worker_shutdown_timeout 1s;",
                "http {": f"http {{ access_log off; {places}",
            },
        )
        ports = {f"127.0.0.1:{said}": f"127.0.0.1:{port}" for said, port in self.ports.items()}
        self._change("processes.conf", ports)

    def start_nginx(self) -> None:
        """Start nginx with our nginx.conf."""
        more = f"daemon off; pid {self.folder}/nginx.pid; error_log stderr;"
        if os.geteuid() == 0:
            more += "user root;"  # nobody else may look into a folder of pytest's
        command = ["nginx", "-c", str(self.folder / "nginx.conf"), "-g", more]
        self._start("nginx", command, self.https)

    def _change(self, name: str, changes: dict[str, str]) -> None:
        path = self.folder / name
        text = path.read_text("utf-8")
        for old, new in changes.items():
            assert old in text, f"{name} does not say {old}"
            text = text.replace(old, new)
        path.write_text(text, "utf-8")

    def _start(self, name: str, command: list[str], port: int) -> None:
        path = self.folder / f"{name}.log"
        with path.open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, **OWN_GROUP
            )
        deadline = time.monotonic() + 20
        while not port_taken(port):
            alive = self.running[name].poll() is None and time.monotonic() < deadline
            assert alive, f"{name} does not start: {path.read_text('utf-8')}"
            time.sleep(0.02)

    def stop(self, name: str) -> None:
        """End the process of this port, or nginx, as systemd does."""
        stop(self.running.pop(name))

    def kill(self, port: str) -> None:
        """Let the process of this port die, at once and without a word."""
        process = self.running.pop(port)
        process.kill()
        process.wait()

    def get(self, path: str, host: str = HOST, tls: bool = True) -> HTTPResponse:
        """Ask nginx for a page."""
        if tls:
            connection = HTTPSConnection("127.0.0.1", self.https, timeout=10, context=self.trust)
        else:
            connection = HTTPConnection("127.0.0.1", self.http, timeout=10)
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse()

    def tab(
        self, origin: str | None = f"https://{HOST}", **options: object
    ) -> AbstractContextManager[ClientConnection]:
        """Open a socket to the room "lobby", over TLS and through nginx."""
        url, through = f"wss://{HOST}/ws/chat/lobby/", create_connection(("127.0.0.1", self.https))
        return connect(url, sock=through, ssl=self.trust, origin=origin, proxy=None, **options)

    def dial(self) -> asyncio_client.connect:
        """Open a socket to the room "lobby" as above, in asyncio, at as little cost as can be."""
        url, origin = f"wss://{HOST}/ws/chat/lobby/", f"https://{HOST}"
        at = {"host": "127.0.0.1", "port": self.https, "ssl": self.trust, "proxy": None}
        return asyncio_client.connect(url, origin=origin, compression=None, **at)

    def tabs(self, port: str) -> int:
        """Count the tabs that the process of this port serves."""
        connections = psutil.Process(self.running[port].pid).net_connections("tcp")
        open_ones = [each for each in connections if each.status == psutil.CONN_ESTABLISHED]
        return sum(each.laddr.port == self.ports[port] for each in open_ones)


@pytest.fixture(scope="module", params=CLOSED_WITH)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The site, up and running on this server."""
    if not find_spec(request.param):
        pytest.skip(f"{request.param} is not installed")
    site = Site(tmp_path_factory.mktemp("chat"), request.param)
    try:
        collected = site.python("manage.py", "collectstatic", "--noinput")
        assert collected.returncode == 0, collected.stderr
        for port in site.ports:
            site.start(port)
        site.start_nginx()
        yield site
    finally:
        for name in list(site.running):
            site.stop(name)
        site.redis.stop()


def test_tabs_on_three_processes_hear_each_other_over_tls(site: Site) -> None:
    with site.tab() as a, site.tab() as b, site.tab() as c:
        assert [site.tabs(port) for port in site.ports] == [1, 1, 1]
        for tab in (a, b, c):
            tab.send(HELLO)
            assert [a.recv(5), b.recv(5), c.recv(5)] == [HELLO] * 3


def test_a_foreign_origin_is_refused(site: Site) -> None:
    for origin in ("https://elsewhere.example.org", None):
        with pytest.raises(InvalidStatus) as refused, site.tab(origin):
            pass
        assert refused.value.response.status_code == 403


def test_nginx_serves_the_static_files(site: Site) -> None:
    answer = site.get("/static/chat/room.js")
    assert answer.headers["Server"].startswith("nginx")
    assert answer.headers["Content-Type"] == "text/javascript"
    assert answer.read() == (STEP.folder / "chat/static/chat/room.js").read_bytes()
    for port in site.running:
        assert "/static/" not in (site.folder / f"{port}.log").read_text("utf-8")


@pytest.mark.parametrize(
    "line, page, script, handshake",
    [
        ("proxy_set_header Upgrade", 200, "text/javascript", 404),
        ("proxy_set_header Connection", 200, "text/javascript", {"daphne": 400, "uvicorn": 404}),
        ("proxy_set_header Host", 400, "text/javascript", 101),
        ("text/javascript js", 200, "text/plain", 101),
        ("proxy_http_version", 200, "text/javascript", 101),
    ],
)
def test_what_a_line_of_nginx_is_for(
    site: Site, line: str, page: int, script: str, handshake: int | dict[str, int]
) -> None:
    """The table of docs/deploying.md, which says what happens without the line."""
    path = site.folder / "nginx.conf"
    whole = path.read_text("utf-8")
    expected = handshake if isinstance(handshake, int) else handshake[site.server]
    site.stop("nginx")
    try:
        path.write_text(re.sub(rf".*{line}.*\n", "", whole), "utf-8")
        site.start_nginx()
        assert site.get("/chat/lobby/").status == page
        assert site.get("/static/chat/room.js").headers["Content-Type"] == script
        try:
            with site.tab():
                status = 101
        except InvalidStatus as refused:
            status = refused.response.status_code
        assert status == expected
    finally:
        site.stop("nginx")
        path.write_text(whole, "utf-8")
        site.start_nginx()


def test_pages_tell_nothing_of_the_inside(site: Site) -> None:
    assert site.get("/chat/lobby/").status == 200
    assert site.get("/chat/lobby/", host="elsewhere.example.org").status == 400
    answer = site.get("/nothing/")
    assert answer.status == 404
    assert b"mysite" not in answer.read()  # the page of DEBUG = True lists the URLs


def test_plain_http_is_sent_to_https(site: Site) -> None:
    answer = site.get("/chat/lobby/", tls=False)
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{HOST}/chat/lobby/")


def test_two_hundred_tabs_live_through_the_death_of_a_process(site: Site) -> None:
    """Two processes stay. What is said on a socket that stays is heard on all sockets that stay."""

    async def play() -> Crowd:
        crowd = Crowd(200, RATE, site.dial)
        async with crowd.talking():
            counts = [site.tabs(port) for port in site.ports]
            assert min(counts) >= 60, f"not shared out: {counts}"
            await asyncio.sleep(1)  # all of this is under load: let some of it pass
            await asyncio.to_thread(site.kill, "9001")
            await asyncio.to_thread(site.start, "9001")
            await crowd.all_back(drops=counts[0])
            await asyncio.sleep(1)
        return crowd

    crowd = asyncio.run(play())
    print(f"{site.server}, killed: {crowd.report()}")
    assert max(seconds for tab in crowd.tabs for seconds in tab.away) < 5
    assert not crowd.repeated()


def test_two_hundred_tabs_and_a_page_live_through_a_stop(
    site: Site, browser: Callable[[], WebDriver]
) -> None:
    """The same with a process that is told to end; one of its tabs is a page in a browser."""
    page = Tab(browser(), "A").join(f"https://localhost:{site.https}", "garden")
    page.driver.execute_script(WATCH_STATUS)
    [port] = (port for port in site.ports if site.tabs(port))

    async def play() -> Crowd:
        crowd = Crowd(199, RATE, site.dial)
        async with crowd.talking():
            drops = site.tabs(port) - 1
            await asyncio.sleep(1)
            await asyncio.to_thread(site.stop, port)
            await asyncio.to_thread(site.start, port)
            await crowd.all_back(drops)
            await asyncio.sleep(1)
        return crowd

    crowd = asyncio.run(play())
    page.shows("connected")
    page.say("still here")
    page.sees("still here")
    (lost, dropped_at), (found, back_at) = page.driver.execute_script("return window.seen")
    page.close()
    assert (lost, found) == ("reconnecting…", "connected")
    away = [seconds for tab in crowd.tabs for seconds in tab.away] + [(back_at - dropped_at) / 1000]
    print(f"{site.server}, stopped: {crowd.report()}; the page was back after {away[-1]:.2f} s")
    assert max(away) < 5
    codes = {visit.socket.close_code for tab in crowd.dropped for visit in tab.visits[:-1]}
    assert codes == {CLOSED_WITH[site.server]}
    assert not crowd.repeated()


def test_processes_restart_one_after_the_other(site: Site) -> None:
    """Whoever opens a page at any moment of it gets one, and a socket."""
    with ExitStack() as open_ones:
        tabs = [open_ones.enter_context(site.tab()) for _ in site.ports]
        for port in site.ports:
            site.stop(port)
            assert site.get("/chat/lobby/").status == 200
            with site.tab() as new:  # is served at once, by another process
                new.send(HELLO)
                assert new.recv(5) == HELLO
            site.start(port)
            open_ones.enter_context(site.tab())  # goes where there are fewest
            assert [site.tabs(each) for each in site.ports] == [1, 1, 1]
        for tab in tabs:
            with pytest.raises(ConnectionClosed):
                while tab.recv(5) == HELLO:
                    pass
            assert tab.close_code == CLOSED_WITH[site.server]


def test_a_tab_that_does_not_read_does_not_hold_up_a_stop(site: Site) -> None:
    with site.tab(compression=None, close_timeout=0.1):
        [port] = (port for port in site.ports if site.tabs(port))
        with site.tab() as other:
            long = json.dumps({"message": "😀" * 1000})
            for _ in range(800):  # 9 MB: more than all the buffers on the way hold
                other.send(long)
                assert other.recv(5) == long
        process = site.running.pop(port)
        process.terminate()
        try:
            process.wait(15)
        finally:
            process.kill()
            site.start(port)


def test_a_reload_of_nginx_leaves_no_worker_of_before(site: Site) -> None:
    nginx = psutil.Process(site.running["nginx"].pid)
    before = nginx.children()
    with site.tab() as tab:
        nginx.send_signal(signal.SIGHUP)
        with pytest.raises(ConnectionClosed):
            tab.recv(10)
    assert not psutil.wait_procs(before, timeout=10)[1]
    with site.tab() as tab:
        tab.send(HELLO)
        assert tab.recv(5) == HELLO


def test_health_is_that_of_redis_too(site: Site) -> None:
    """Nearly the last one: a process may hold dead connections to Redis when this is over."""
    answer = site.get("/health/")
    assert (answer.status, answer.read()) == (200, b"ok\n")
    for away, back in ((site.redis.freeze, site.redis.thaw), (site.redis.stop, site.redis.start)):
        away()
        try:
            answer = site.get("/health/")
            assert (answer.status, answer.read()) == (503, b"no answer from Redis\n")
        finally:
            back()
        deadline = time.monotonic() + 10
        while site.get("/health/").status != 200:
            assert time.monotonic() < deadline, "Redis is back, and the chat does not say so"
            time.sleep(0.1)
    log = "".join((site.folder / f"{port}.log").read_text("utf-8") for port in site.ports)
    for reason in ("TimeoutError", "ConnectionError"):
        assert f"No answer from Redis: {reason}" in log


def test_it_does_not_start_without_what_it_needs(site: Site) -> None:
    for name in ("DJANGO_SECRET_KEY", "DJANGO_ALLOWED_HOSTS", "REDIS_URL"):
        ended = site.python(*site.command("9001"), **{name: ""})
        assert ended.returncode != 0
        assert f"{name} is not set" in ended.stderr


def test_the_page_says_what_is_done_here() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text("utf-8")
    units = " ".join(f"chat@{port}" for port in said_ports())
    for command in (
        f"cp -r {STEP.folder.name} /srv/chat",
        "sh self-signed.sh chat.example.org",
        "manage.py collectstatic --noinput",
        f"systemctl enable --now {units}",
    ):
        assert command in page
