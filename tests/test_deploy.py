"""The example in deploy/, laid over a copy of step 4: nginx with TLS in front of two processes."""

import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import AbstractContextManager
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from importlib.util import find_spec
from pathlib import Path
from socket import create_connection

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from course.chapters import ROOT, chapter
from course.serve import OWN_GROUP, PrivateRedis, free_port, port_taken, stop

STEP = chapter(4)
HOST = "chat.example.org"
CLOSED_WITH = {"daphne": 1006, "uvicorn": 1012}  # when a process is told to end
ABSENT = [name for name in ("nginx", "openssl", "redis-server") if not shutil.which(name)]

pytestmark = pytest.mark.skipif(bool(ABSENT), reason=f"not on the PATH: {', '.join(ABSENT)}")


class Site:
    """/srv/chat as docs/deploying.md makes it, but in another folder and on other ports."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder, self.server = folder, server
        self.ports = {"9001": free_port(), "9002": free_port()}  # by the ports that deploy/ names
        self.http, self.https = free_port(), free_port()
        self.running: dict[str, subprocess.Popen] = {}
        self.redis = PrivateRedis()
        for part in (STEP.folder, ROOT / "deploy"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(part, folder, dirs_exist_ok=True, ignore=ignore)
        (folder / "tls").mkdir()
        command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout tls/privkey.pem"
        command += f" -out tls/fullchain.pem -days 2 -subj /CN={HOST}"
        command += f" -addext subjectAltName=DNS:{HOST},IP:127.0.0.1"
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
        self.trust = ssl.create_default_context(cafile=folder / "tls" / "fullchain.pem")

    @property
    def environment(self) -> dict[str, str]:
        """What chat.env says, with a key and the Redis of this test."""
        lines = (self.folder / "chat.env").read_text("utf-8").splitlines()
        said = dict(line.split("=", 1) for line in lines)
        assert not said["DJANGO_SECRET_KEY"], "a key that is in the repository is no secret"
        ours = {"DJANGO_SECRET_KEY": "a key for this test", "REDIS_URL": self.redis.url}
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
        """What chat@.service starts for this port, on our Python, our server and our port."""
        unit = ConfigParser(interpolation=None)
        unit.read(self.folder / "chat@.service", "utf-8")
        program, *arguments = unit["Service"]["ExecStart"].split()
        assert Path(program).name == "daphne"
        ours = [argument.replace("%i", str(self.ports[port])) for argument in arguments]
        return ["-m", self.server, *ours]

    def start(self, port: str) -> None:
        """Start the process of this port and wait until it is there."""
        self._start(port, [sys.executable, *self.command(port)], self.ports[port])

    def start_nginx(self) -> None:
        """Start nginx with our nginx.conf; only its places and its ports are changed."""
        conf = (self.folder / "nginx.conf").read_text("utf-8")
        parts = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"{part}_temp_path {self.folder}/{part};" for part in parts)
        for old, new in {
            "/srv/chat/": f"{self.folder}/",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.https} ssl;",
            **{f"127.0.0.1:{said}": f"127.0.0.1:{port}" for said, port in self.ports.items()},
            "http {": f"http {{ access_log off; {places}",
        }.items():
            assert old in conf, f"nginx.conf does not say {old}"
            conf = conf.replace(old, new)
        (self.folder / "nginx.conf").write_text(conf, "utf-8")
        more = f"daemon off; pid {self.folder}/nginx.pid; error_log stderr;"
        if os.geteuid() == 0:
            more += "user root;"  # nobody else may look into a folder of pytest's
        command = ["nginx", "-c", str(self.folder / "nginx.conf"), "-g", more]
        self._start("nginx", command, self.https)

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

    def get(self, path: str, host: str = HOST, tls: bool = True) -> HTTPResponse:
        """Ask nginx for a page."""
        if tls:
            connection = HTTPSConnection("127.0.0.1", self.https, timeout=10, context=self.trust)
        else:
            connection = HTTPConnection("127.0.0.1", self.http, timeout=10)
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse()

    def tab(
        self, origin: str | None = f"https://{HOST}"
    ) -> AbstractContextManager[ClientConnection]:
        """Open a socket to the room "lobby", over TLS and through nginx."""
        url, through = f"wss://{HOST}/ws/chat/lobby/", create_connection(("127.0.0.1", self.https))
        return connect(url, sock=through, ssl=self.trust, origin=origin, proxy=None)

    def tabs(self, port: str) -> int:
        """Count the tabs that the process of this port serves."""
        connections = psutil.Process(self.running[port].pid).net_connections("tcp")
        open_ones = [each for each in connections if each.status == psutil.CONN_ESTABLISHED]
        return sum(each.laddr.port == self.ports[port] for each in open_ones)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(server, marks=pytest.mark.xdist_group(f"deploy-{server}"))
        for server in CLOSED_WITH
    ],
)
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


def test_tabs_on_two_processes_hear_each_other_over_tls(site: Site) -> None:
    with site.tab() as a, site.tab() as b:
        assert [site.tabs(port) for port in site.ports] == [1, 1]
        for speaker, text in ((a, '{"message": "from A"}'), (b, '{"message": "from B"}')):
            speaker.send(text)
            assert [a.recv(5), b.recv(5)] == [text, text]


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


def test_pages_tell_nothing_of_the_inside(site: Site) -> None:
    assert site.get("/chat/lobby/").status == 200
    assert site.get("/chat/lobby/", host="elsewhere.example.org").status == 400
    answer = site.get("/nothing/")
    assert answer.status == 404
    assert b"mysite" not in answer.read()  # the page of DEBUG = True lists the URLs


def test_plain_http_is_sent_to_https(site: Site) -> None:
    answer = site.get("/chat/lobby/", tls=False)
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{HOST}/chat/lobby/")


def test_health_is_that_of_redis_too(site: Site) -> None:
    assert site.get("/health/").status == 200
    site.redis.freeze()
    try:
        assert site.get("/health/").status == 500
    finally:
        site.redis.thaw()
    assert site.get("/health/").status == 200
    logs = [(site.folder / f"{port}.log").read_text("utf-8") for port in site.ports]
    assert "TimeoutError" in "".join(logs)  # what went wrong is in a log


def test_processes_restart_one_after_the_other(site: Site) -> None:
    hello = '{"message": "hello"}'
    first, second = site.ports
    with site.tab() as a, site.tab() as b:
        site.stop(first)
        with site.tab() as c:  # a tab that comes back is served at once, by the other process
            c.send(hello)
            ended = []
            for tab in (a, b):
                try:
                    assert tab.recv(5) == hello
                except ConnectionClosed:
                    ended.append(tab.close_code)
            assert ended == [CLOSED_WITH[site.server]]
            site.start(first)
            with site.tab(), site.tab():  # new tabs go where there are fewer
                assert [site.tabs(port) for port in site.ports] == [2, 2]
            site.stop(second)
            with site.tab() as d:  # and a process that was away is asked again at once
                d.send(hello)
                assert d.recv(5) == hello
            site.start(second)


def test_it_does_not_start_without_what_it_needs(site: Site) -> None:
    for name in ("DJANGO_SECRET_KEY", "DJANGO_ALLOWED_HOSTS", "REDIS_URL"):
        ended = site.python(*site.command("9001"), **{name: ""})
        assert ended.returncode != 0
        assert f"{name} is not set" in ended.stderr


def test_the_page_says_what_is_done_here() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text("utf-8")
    for command in ("manage.py collectstatic --noinput", "systemctl enable --now chat@9001"):
        assert command in page
