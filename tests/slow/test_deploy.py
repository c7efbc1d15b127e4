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
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path

import psutil
import pytest
import websockets.asyncio.client as asyncio_client
import websockets.sync.client as sync_client
from websockets.exceptions import ConnectionClosed, InvalidStatus

from course.chapters import CHAPTERS, ROOT
from course.judge.browser import Tab
from course.judge.people import Person, sign_up
from course.run.serve import (
    PrivateRedis,
    ServeError,
    Server,
    copy_project,
    free_port,
    stop,
    wait_until,
)
from tests.slow.crowd import Crowd

STEP = CHAPTERS[-1]
HOST = "chat.example.org"
CLOSED_WITH = {"uvicorn": 1012, "daphne": 1006}  # when a process is told to end
HELLO = '{"message": "hello"}'
PORTS = re.findall(r"127\.0\.0\.1:(\d+)", (ROOT / "deploy" / "processes.conf").read_text("utf-8"))
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
    pytest.mark.xdist_group("deploy"),  # one deployment after the other: each is a load of its own
]


class Deployment:
    """/srv/chat as docs/deploying.md makes it, but in another folder and on other ports."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder, self.program = copy_project(STEP.folder, folder / "chat"), program
        shutil.copytree(ROOT / "deploy", self.folder, dirs_exist_ok=True)
        self.redis = PrivateRedis()
        self.environment = self._environment()
        self.http, self.https = free_port(), free_port()
        self.processes = [self._process(port) for port in PORTS]
        subprocess.run(["sh", "self-signed.sh", HOST], cwd=self.folder, check=True)
        self.trust = ssl.create_default_context(cafile=self.folder / "tls" / "fullchain.pem")
        self.nginx = self._nginx()
        self.person, self.room = Person(), ""

    def _environment(self) -> dict[str, str]:
        """Return what chat.env says, with a key, our Redis and a name that browsers find."""
        lines = (self.folder / "chat.env").read_text("utf-8").splitlines()
        said = dict(line.split("=", 1) for line in lines)
        assert not said["DJANGO_SECRET_KEY"], "a key that is in the repository is no secret"
        hosts = f"{said['DJANGO_ALLOWED_HOSTS']},localhost"
        ours = {"DJANGO_SECRET_KEY": "a key for this test", "REDIS_URL": self.redis.url}
        ours["DATABASE_URL"] = f"sqlite:///{self.folder}/chat.sqlite3"
        return said | ours | {"DJANGO_ALLOWED_HOSTS": hosts}

    def _process(self, name: str) -> Server:
        """Return what chat@.service starts for a port, but on a free one and with our Python."""
        unit = (self.folder / "chat@.service").read_text("utf-8")
        line = re.search(rf"^(# )?ExecStart=/srv/chat/.venv/bin/{self.program} (.*)", unit, re.M)
        words = line[2].replace("%i", str(port := free_port())).split()
        command = [sys.executable, "-m", self.program, *words]
        log = self.folder / f"{name}.log"
        return Server(self.folder, port, self.environment, log, command=command)

    def _nginx(self) -> Server:
        """Return an nginx with our nginx.conf, in which only places, ports and the time differ for
        which sockets stay open after a reload."""
        parts = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"{part}_temp_path {self.folder}/{part};" for part in parts)
        changes = {
            "/srv/chat/": f"{self.folder}/",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.https} ssl;",
            "worker_shutdown_timeout 10s;": "worker_shutdown_timeout 1s;",
            "http {": f"http {{ access_log off; {places}",
        }
        for said, process in zip(PORTS, self.processes, strict=True):
            changes[f"127.0.0.1:{said}"] = f"127.0.0.1:{process.port}"
        for path in (self.folder / "nginx.conf", self.folder / "processes.conf"):
            text = path.read_text("utf-8")
            for old, new in changes.items():
                text = text.replace(old, new)
            path.write_text(text, "utf-8")
        more = f"daemon off; pid {self.folder}/nginx.pid; error_log stderr;"
        if os.geteuid() == 0:
            more += "user root;"  # nobody else may look into a folder of pytest's
        command = ["nginx", "-c", str(self.folder / "nginx.conf"), "-g", more]
        return Server(self.folder, self.https, log=self.folder / "nginx.log", command=command)

    def get(self, path: str, host: str = HOST) -> HTTPResponse:
        """Ask nginx for a page."""
        connection = HTTPSConnection("127.0.0.1", self.https, timeout=10, context=self.trust)
        connection.request("GET", path, headers={"Host": host, **self.person.headers})
        return connection.getresponse()

    def tab(
        self,
        since: int = 0,
        origin: str | None = f"https://{HOST}",
        library=sync_client,
        path: str = "",
        **options: object,
    ):
        """Open a socket to the test's room, over TLS and through nginx, for a page that has the
        messages up to a number."""
        url = f"wss://localhost:{self.https}{path or f'/ws/chat/{self.room}/?since={since}'}"
        options |= {"ssl": self.trust, "server_hostname": HOST, "proxy": None}
        options["additional_headers"] = self.person.headers
        return library.connect(url, origin=origin, **options)

    def tabs(self, process: Server) -> int:
        """Count the tabs that a process serves."""
        connections = psutil.Process(process.process.pid).net_connections("tcp")
        open_ones = [each for each in connections if each.status == psutil.CONN_ESTABLISHED]
        return sum(each.laddr.port == process.port for each in open_ones)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Where both servers do the same, that of the page stands for both."""
    programs = CLOSED_WITH if metafunc.function in DIFFERS else ["uvicorn"]
    if "deployed" in metafunc.fixturenames:
        metafunc.parametrize("deployed", programs, indirect=True, scope="module")


@pytest.fixture(scope="module")
def deployed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The deployment, up and running on this server."""
    with ExitStack() as stack:
        deployed = Deployment(tmp_path_factory.mktemp("deploy"), request.param)
        stack.callback(deployed.redis.stop)
        command = [sys.executable, "manage.py", "collectstatic", "--noinput"]
        environment = os.environ | deployed.environment
        subprocess.run(command, cwd=deployed.folder, env=environment, check=True)
        deployed.processes[0].migrate()
        for server in (*deployed.processes, deployed.nginx):
            server.start()
            stack.callback(server.stop)
        name = ssl.create_default_context(cafile=deployed.folder / "tls" / "fullchain.pem")
        name.check_hostname = False  # the certificate is for HOST
        deployed.person = sign_up(f"https://localhost:{deployed.https}", trust=name)
        yield deployed


@pytest.fixture(autouse=True)
def new_room(deployed: Deployment) -> None:
    deployed.room = f"room-{uuid.uuid4()}"


def text_from(tab: sync_client.ClientConnection) -> str:
    return json.loads(tab.recv(5))["message"]


def test_tabs_on_three_processes_hear_each_other_over_tls(deployed: Deployment) -> None:
    with deployed.tab() as a, deployed.tab() as b, deployed.tab() as c:
        assert [deployed.tabs(each) for each in deployed.processes] == [1, 1, 1]
        for tab in (a, b, c):
            tab.send(HELLO)
            assert [text_from(each) for each in (a, b, c)] == ["hello"] * 3


def test_a_page_of_another_site_opens_no_socket(deployed: Deployment) -> None:
    for origin in ("https://elsewhere.example.org", None):
        with pytest.raises(InvalidStatus) as refused, deployed.tab(origin=origin):
            pass
        assert refused.value.response.status_code == 403


def test_nginx_serves_static_files_and_pages_over_https_only(deployed: Deployment) -> None:
    script = deployed.get("/static/chat/room.js")
    assert script.headers["Server"].startswith("nginx")
    assert script.read() == (STEP.folder / "chat/static/chat/room.js").read_bytes()
    assert not any("/static/" in each.output() for each in deployed.processes)
    plain = HTTPConnection("localhost", deployed.http, timeout=10)
    plain.request("GET", "/chat/lobby/")
    assert plain.getresponse().headers["Location"] == f"https://{HOST}/chat/lobby/"
    assert deployed.get("/chat/lobby/", host="elsewhere.example.org").status == 400
    answer = deployed.get("/nothing/")
    assert answer.status == 404
    assert b"mysite" not in answer.read()  # the page of DEBUG = True lists the URLs


def test_nginx_sends_the_files_with_the_headers_that_keep_scripts_from_running(
    deployed: Deployment,
) -> None:
    """A file of 2 MiB: without `client_max_body_size`, nginx takes 1 MiB."""
    address = f"https://localhost:{deployed.https}/chat/{deployed.room}/files/?name=page.html"
    page = b"<script>" * 2**18
    assert deployed.person.post(address, page, "octet-stream") == (201, {})
    with deployed.tab() as tab:
        path = json.loads(tab.recv(5))["file"]
    answer = deployed.get(path)
    assert answer.read() == page
    assert answer.headers["ETag"], "nginx sends it, and not the chat"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_all("Content-Security-Policy") == ["sandbox"]
    [stored] = (deployed.folder / "data" / "files").iterdir()
    assert deployed.get(f"/files/{stored.name}").status == 404


def test_the_worker_does_a_job_and_nginx_sends_its_file(deployed: Deployment) -> None:
    unit = (deployed.folder / "chat-worker.service").read_text("utf-8")
    words = re.search(r"^ExecStart=/srv/chat/.venv/bin/celery (.*)", unit, re.M)[1].split()
    options = {"cwd": deployed.folder, "env": os.environ | deployed.environment}
    with deployed.tab(path="/ws/alerts/") as tab, ExitStack() as stack:
        worker = subprocess.Popen([sys.executable, "-m", "celery", *words], **options)
        stack.callback(stop, worker)
        site, kind = f"https://localhost:{deployed.https}", "x-www-form-urlencoded"
        assert deployed.person.post(f"{site}/chat/jobs/", b"room=lobby", kind)[0] == 202
        while (frame := json.loads(tab.recv(30)))["done"] < 100:
            assert not frame["failed"]
    answer = deployed.get(f"/chat/jobs/{frame['job']}/")
    assert (answer.status, answer.headers["Content-Security-Policy"]) == (200, "sandbox")


# The table of docs/deploying.md: what a page, the script's type and a handshake are without a line
WITHOUT = {
    "proxy_set_header Upgrade": (200, "text/javascript", 404),
    "proxy_set_header Connection": (200, "text/javascript", {"daphne": 400, "uvicorn": 404}),
    "proxy_set_header Host": (400, "text/javascript", 101),
    "text/javascript js": (200, "text/plain", 101),
    "proxy_http_version": (200, "text/javascript", 101),
    "and nothing missing": (200, "text/javascript", 101),
}


def test_what_each_line_of_nginx_is_for(deployed: Deployment) -> None:
    path = deployed.folder / "nginx.conf"
    whole, seen = path.read_text("utf-8"), {}
    for line in WITHOUT:
        path.write_text(re.sub(rf".*{line}.*\n", "", whole), "utf-8")
        deployed.nginx.stop()
        deployed.nginx.start()
        page = deployed.get("/chat/lobby/").status
        script = deployed.get("/static/chat/room.js").headers["Content-Type"]
        try:
            with deployed.tab():
                seen[line] = (page, script, 101)
        except InvalidStatus as refused:
            seen[line] = (page, script, refused.response.status_code)
    assert seen == {
        line: (page, script, of[deployed.program] if isinstance(of, dict) else of)
        for line, (page, script, of) in WITHOUT.items()
    }


def test_two_hundred_tabs_live_through_the_death_and_the_stop_of_a_process(deployed, browser):
    """Every tab gets every message, once and in order. One of the tabs is a page in a browser; the
    process that is stopped is the one that serves it."""
    site, page = f"https://localhost:{deployed.https}", Tab(browser(), "A")
    page.log_in(site, deployed.person.name, deployed.person.cookies)
    # Without its socket for alerts, which may be on another process.
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/alerts*.js"]})
    page.join(site, "garden")
    page.driver.execute_script(WATCH_STATUS)
    [last] = (each for each in deployed.processes if deployed.tabs(each))
    first = next(each for each in deployed.processes if each is not last)

    async def play() -> Crowd:
        dial = partial(deployed.tab, library=asyncio_client, compression=None)
        crowd = Crowd(199, 10, dial)  # 10 a second, each for all: a layer keeps up easily
        async with crowd.talking():
            counts = [deployed.tabs(each) for each in deployed.processes]
            assert min(counts) >= 60, f"not shared out: {counts}"
            drops = 0
            for process, end in (first, first.process.kill), (last, last.stop):
                before = drops
                drops += deployed.tabs(process) - (process is last)  # without the page
                await asyncio.to_thread(end)
                await asyncio.to_thread(process.start)
                await crowd.all_open(drops)
                assert len(crowd.dropped) == drops
                codes = {visit.socket.close_code for visit in crowd.dropped[before:]}
                assert codes == {CLOSED_WITH[deployed.program] if process is last else 1006}
                await asyncio.sleep(1)  # let some talk pass
        return crowd

    crowd = asyncio.run(play())
    page.shows("connected")
    page.say("still here")
    page.sees("still here")
    (lost, dropped_at), (found, back_at) = page.driver.execute_script("return window.seen")
    page.close()
    assert (lost, found) == ("reconnecting…", "connected")
    away = (back_at - dropped_at) / 1000
    print(f"{deployed.program}: {crowd.report()}; the page was back after {away:.2f} s")
    assert max(away, *crowd.away) < 5


def test_processes_restart_one_after_the_other(deployed: Deployment) -> None:
    """Who opens a page at any moment of it gets one, and a socket."""
    with ExitStack() as tabs:
        for _ in deployed.processes:
            tabs.enter_context(deployed.tab())
        for process in deployed.processes:
            process.stop()
            assert deployed.get("/chat/lobby/").status == 200
            with deployed.tab() as new:  # is served at once, by another process
                new.send(HELLO)
                assert text_from(new) == "hello"
            process.start()
            tabs.enter_context(deployed.tab())  # goes where there are fewest
            assert [deployed.tabs(each) for each in deployed.processes] == [1, 1, 1]


def test_a_tab_that_does_not_read_does_not_block_a_stop(deployed: Deployment) -> None:
    with deployed.tab(compression=None, close_timeout=0.1):
        [server] = (each for each in deployed.processes if deployed.tabs(each))
        with deployed.tab() as other:
            long = "😀" * 1000
            for _ in range(800):  # 9 MB: more than all the buffers on the way hold
                other.send(json.dumps({"message": long}))
                assert text_from(other) == long
        server.process.terminate()
        try:
            server.process.wait(15)
        finally:
            server.stop()
            server.start()


def test_a_reload_of_nginx_leaves_no_worker_of_before(deployed: Deployment) -> None:
    nginx = psutil.Process(deployed.nginx.process.pid)
    before = nginx.children()
    with deployed.tab() as tab:
        nginx.send_signal(signal.SIGHUP)
        with pytest.raises(ConnectionClosed):
            tab.recv(10)
    assert not psutil.wait_procs(before, timeout=10)[1]
    with deployed.tab() as tab:
        tab.send(HELLO)
        assert text_from(tab) == "hello"


def test_health_is_that_of_redis_too(deployed: Deployment) -> None:
    """Nearly the last one: a process may hold dead connections to Redis when this is over."""
    answer = deployed.get("/health/")
    assert (answer.status, answer.read()) == (200, b"ok\n")
    redis = deployed.redis
    for away, back in ((redis.freeze, redis.thaw), (redis.stop, redis.start)):
        away()
        try:
            answer = deployed.get("/health/")
            assert (answer.status, answer.read()) == (503, b"no answer from Redis\n")
        finally:
            back()
        wait_until(lambda: deployed.get("/health/").status == 200, "the chat finds Redis again")
    log = "".join(each.output() for each in deployed.processes)
    for reason in ("TimeoutError", "ConnectionError"):
        assert f"No answer from Redis: {reason}" in log


def test_it_does_not_start_without_what_it_needs(deployed: Deployment) -> None:
    needed = ("DJANGO_SECRET_KEY", "DJANGO_ALLOWED_HOSTS", "REDIS_URL", "DATABASE_URL")
    for name in needed if deployed.program == "uvicorn" else needed[:1]:
        environment = deployed.environment | {name: ""}
        log, command = deployed.folder / f"{name}.log", deployed.processes[0].command
        with pytest.raises(ServeError, match=f"{name} is not set"):
            Server(deployed.folder, free_port(), environment, log, command=command).start()


def test_the_page_says_what_is_done_here() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text("utf-8")
    assert f"cp -r {STEP.folder.name} /srv/chat" in page
    assert "sh self-signed.sh chat.example.org" in page
    assert "manage.py collectstatic --noinput" in page
    assert "manage.py migrate" in page
    assert f"systemctl enable --now {' '.join(f'chat@{port}' for port in PORTS)}" in page


DIFFERS = {
    test_what_each_line_of_nginx_is_for,
    test_two_hundred_tabs_live_through_the_death_and_the_stop_of_a_process,
    test_it_does_not_start_without_what_it_needs,
}
