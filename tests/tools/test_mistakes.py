"""What the site says of mistakes: each one is made in a copy of its step, and seen as told."""

import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from socket import SHUT_WR, create_connection, create_server
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import pytest
from selenium.webdriver import ChromeOptions
from selenium.webdriver.remote.webdriver import WebDriver
from websockets.sync.client import connect

from course.chapters import ROOT, Chapter, chapter
from course.judge import mistakes
from course.judge.browser import Tab, chrome_options, console, open_browser
from course.judge.gate import Gate
from course.judge.mistakes import Clues, Mistake, Seen
from course.run.serve import OWN_GROUP, PrivateRedis, Server, free_port, stop

MISTAKES = mistakes.load()
PATIENCE = 15.0  # seconds to wait for what should be seen: only a failure takes that long
PATIENCE_WITH_COMMANDS = 60.0  # for a command to end: some are tests in a browser
HOST = "chat.example"  # where a page is opened over https
# Elsewhere an error may be in other words: those of the system, or of a newer Python.
ELSEWHERE = sys.platform == "win32" or sys.version_info >= (3, 14)

# Keeps what the status line says, from now on, since some of it is gone after half a second.
KEEP_STATUS = """
const status = document.getElementById("chat-status");
window.said = status ? [status.textContent] : [];
if (status) new MutationObserver(() => window.said.push(status.textContent))
  .observe(status, {childList: true, characterData: true, subtree: true});
"""


# Keeps the codes with which the page's sockets close.
KEEP_CODES = """
window.codes = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("close", (event) => window.codes.push(event.code));
  }
};
"""


class Typed(Server):
    """A server that is started by what a learner types."""

    def __init__(self, command: str, *arguments: object) -> None:
        super().__init__(*arguments)
        self.command = command

    def start(self, patience: float = 30.0) -> None:
        """Start it; return once it answers."""
        words = arguments(self.command, {"8000": self.port, "8001": self.port})
        if words[1] == "manage.py":  # no option of Python, which would have to survive a reload
            words.append("--noreload")  # nobody edits the code, and it starts in half the time
        self.process = run(words, self.folder, self.environment, self.log)
        deadline = time.monotonic() + patience
        while not self.answers():
            ended = self.process.poll() is not None or time.monotonic() > deadline
            assert not ended, f"“{self.command}” starts no server:{self.printed()}"
            time.sleep(0.03)


class Learner:
    """Somebody with a step, its servers and a browser, who does things and looks at them."""

    def __init__(
        self, mistake: Mistake, folder: Path, browser: Callable[[], WebDriver], own: ExitStack
    ) -> None:
        self.mistake, self.folder, self.browser, self.own = mistake, folder, browser, own
        self.tabs: dict[str, Tab] = {}
        self.console: list[str] = []
        self.command = ""  # what the last command has printed
        self.acted = 0.0  # when the last thing was done
        self.ports: dict[str, int] = {}  # the port that the site names: the one that it is here

        ours = ("PYTEST_", "DJANGO_", "REDIS_", "FORCE_COLOR", "PY_COLORS")  # not for the learner
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        self.environment["PYTHONUNBUFFERED"] = "1"
        if mistake.redis == "running":
            redis = PrivateRedis()
            own.callback(redis.stop)
            self.ports["6379"] = redis.port
        elif mistake.redis == "down":
            self.ports["6379"] = free_port()
        if mistake.redis:
            self.environment["REDIS_URL"] = f"redis://localhost:{self.ports['6379']}/0"
        if mistake.tls:
            self.environment["DJANGO_ALLOWED_HOSTS"] = HOST

        self.servers: list[Typed] = []
        self.sites: list[str] = []  # where a tab opens the pages of each
        for number, command in enumerate(mistake.servers):
            port = free_port()
            self.ports[f"800{number}"] = port
            names = dict.fromkeys(os.environ) | self.environment
            log = folder.with_name(f"server{number}.log")
            server = Typed(command, folder, port, names, log)
            self.servers.append(own.enter_context(server))
            self.sites.append(server.url)
            if mistake.tls:
                gate = own.enter_context(Gate(server.url, tls=True))
                self.sites[-1] = gate.url.replace("localhost", HOST)
                self.ports["443"] = urlsplit(gate.url).port
        if shows(mistake, "console"):
            browser().get_log("browser")  # takes away what other tests have left there

    def do(self, action: str) -> None:
        """Do what is in the catalogue: "A opens lobby", "A says hello", "runs pytest" ..."""
        self.acted = time.monotonic()
        if action.startswith("runs "):
            self.runs(action.removeprefix("runs "))
        else:
            name, verb, *rest = action.split(" ", 2)
            {"opens": self.opens, "says": self.says, "closes": self.closes}[verb](name, *rest)

    def opens(self, name: str, room: str) -> None:
        site = self.sites[min(len(self.tabs), len(self.sites) - 1)]
        tab = Tab(self.browser(), name)
        if shows(self.mistake, "code"):
            script = {"source": KEEP_CODES}
            tab.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
        tab.open(f"{site}/chat/{quote(room)}/")
        tab.driver.execute_script(KEEP_STATUS)
        self.tabs[name] = tab
        self.own.callback(lambda: self.tabs.get(name) is tab and tab.close())

    def says(self, name: str, message: str) -> None:
        for tab in self.tabs.values():
            tab.shows("connected")
        tab = self.tabs[name]
        tab.say(message)
        if shows(self.mistake, "tab A", "tab B"):
            settle(tab)

    def closes(self, name: str) -> None:
        self.tabs[name].shows("connected")
        self.tabs.pop(name).close()
        # The barrier: a sync consumer's methods are run one after the other, so once another
        # socket is open, what those that have closed had to do at their end is done.
        self.wait(self.all_closed, "every socket to close")
        (server,) = self.servers
        another = f"ws://localhost:{server.port}/ws/chat/another/"
        with connect(another, origin=server.url, proxy=None):
            pass

    def all_closed(self) -> bool:
        """Say whether the server has noticed the end of every socket that it had."""
        told = self.found("terminal")
        return told.count("WebSocket CONNECT ") == told.count("WebSocket DISCONNECT ")

    def runs(self, command: str) -> None:
        """Run a command; leave once it has ended, or has printed what it should print."""
        python = sys.executable
        if not self.mistake.venv:
            bare = self.folder.with_name("another python")
            venv.create(bare, symlinks=os.name != "nt")
            python = str(bare / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        log = self.folder.with_name("command.log")
        words = arguments(command, self.ports, python)
        process = run(words, self.folder, self.environment, log)
        self.own.callback(stop, process)
        expected = [seen for seen in self.mistake.seen if seen.where == "command"]

        def done() -> bool:
            ended = process.poll() is not None
            self.command = self.named(log.read_text(encoding="utf-8", errors="replace"))
            seen_all = all(seen.matches(self.command, ELSEWHERE) for seen in expected)
            return ended or bool(expected and seen_all)

        wish = f"“{command}” to end or to print {expected}"
        self.wait(done, wish, lambda: self.command, PATIENCE_WITH_COMMANDS)

    def found(self, where: str) -> str:
        """Return all that is to be found there by now, with the ports that the site names."""
        if where == "terminal":
            text = "\n".join(server.log.read_text("utf-8", "replace") for server in self.servers)
        elif where == "command":
            text = self.command
        elif where == "console":
            self.console += console(self.browser())
            text = "\n".join(self.console)
        elif where == "code":
            text = "\n".join(map(str, self.look("return window.codes")))
        elif where == "page":
            text = self.look("return document.body.innerText")
        elif where == "status":
            text = "\n".join(self.look("return window.said"))
        else:
            text = "\n".join(self.tabs[where.removeprefix("tab ")].log)
        return self.named(text)

    def look(self, script: str) -> str | list[str]:
        tab = next(iter(self.tabs.values()))
        tab.element("body")  # makes it the tab that the driver looks at
        return tab.driver.execute_script(script)

    def named(self, text: str) -> str:
        """Return the text with the ports that the site names."""
        for name, port in self.ports.items():
            text = re.sub(rf"\b{port}\b", name, text)
        return text.replace("\r\n", "\n").replace(f"{HOST}:443", HOST)  # https says no 443

    def evidence(self) -> str:
        """Return all the texts in which a sign of the mistake may be."""
        places = ["terminal", "command"]
        if self.tabs:
            places.append("page")
            if hasattr(self.browser(), "get_log"):  # Firefox keeps its console to itself
                places.append("console")
        return "\n".join(self.found(place) for place in places)

    def sees(self, seen: Seen) -> None:
        """Wait until this is seen; raise AssertionError, with what is seen instead."""
        self.wait(
            lambda: seen.matches(self.found(seen.where), ELSEWHERE),
            f"in the {seen.where}:\n{seen.text or 'nothing'}",
            lambda: self.found(seen.where),
        )

    def wait(
        self,
        happened: Callable[[], bool],
        wish: str,
        found: Callable[[], str] = lambda: "",
        patience: float | None = None,
    ) -> None:
        deadline = time.monotonic() + (patience or PATIENCE)
        while not happened():
            if time.monotonic() > deadline:
                shown = (
                    found() if len(found()) < 6000 else f"{found()[:3000]}\n…\n{found()[-3000:]}"
                )
                raise AssertionError(f"{self.mistake.id} should show {wish}\n\nIt shows:\n{shown}")
            time.sleep(0.03)


def arguments(command: str, ports: dict[str, int], python: str = sys.executable) -> list[str]:
    """Return what a learner types as a list, with ports that are free here in place of theirs."""
    words = shlex.split(command)
    for program, unless_told in (
        ("runserver", ["8000"]),
        ("daphne", ["-p", "8000"]),
        ("redis-cli", ["-p", "6379"]),
    ):
        if program in words and not words[-1].isdigit():
            at = words.index(program) + 1
            words[at:at] = unless_told
    for name, port in ({"8000": free_port()} | ports).items():
        words = [re.sub(rf"\b{name}\b", str(port), word) for word in words]
    beside = str(Path(sys.executable).parent)  # the commands of the .venv
    found = python if words[0] == "python" else shutil.which(words[0], path=beside)
    return [found or words[0], *words[1:]]


def run(
    words: Sequence[str], folder: Path, environment: dict[str, str], log: Path
) -> subprocess.Popen:
    """Start a command in a folder; what it prints goes into the log."""
    with log.open("wb") as output:
        return subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **OWN_GROUP,
        )


def shows(mistake: Mistake, *places: str) -> bool:
    """Say whether the mistake is seen in one of these places."""
    return any(seen.where in places for seen in mistake.seen)


def copy(step: Chapter, to: Path) -> Path:
    """Copy a step into an empty folder, without what earlier runs left in it."""
    leftovers = shutil.ignore_patterns("__pycache__", ".*_cache")
    return shutil.copytree(step.folder, to / "copy" / step.folder.name, ignore=leftovers)


def settle(tab: Tab) -> None:
    """Wait until all that came of the tab's messages has come: errors for two empty ones have, and
    with the first one, or between the two, whatever came of those before."""
    for _ in range(2):
        tab.say("")
        tab.shows_error("#chat-error")


@pytest.fixture
def browser_on_https() -> Iterator[Callable[[], WebDriver]]:
    """Opens a browser, when it is first needed, that finds HOST on this machine and takes any
    certificate. At localhost, browsers allow what they refuse to every other host on https."""
    opened: list[WebDriver] = []

    def options(*logs: str) -> ChromeOptions:
        options = chrome_options(*logs)
        options.accept_insecure_certs = True
        options.add_argument(f"--host-resolver-rules=MAP {HOST} 127.0.0.1")
        return options

    def get() -> WebDriver:
        if not opened:
            with patch("course.judge.browser.chrome_options", options):
                opened.append(open_browser())
        return opened[0]

    yield get
    for driver in opened:
        driver.quit()


@pytest.fixture
def learner(
    browser: Callable[[], WebDriver],
    browser_on_https: Callable[[], WebDriver],
    tmp_path: Path,
) -> Iterator[Callable[[Mistake], Learner]]:
    """Makes learners, each in a copy of the step with the mistake in it; in the end all stops."""
    with ExitStack() as own:

        def make(mistake: Mistake) -> Learner:
            driver = browser_on_https if mistake.tls else browser
            if mistake.redis == "running" and not PrivateRedis.available():
                pytest.skip("no redis-server on the PATH")
            if shows(mistake, "console", "code") and not hasattr(driver(), "execute_cdp_cmd"):
                pytest.skip("only Chrome and Chromium tell what their console says")
            folder = copy(chapter(mistake.step), tmp_path)
            for each in mistake.patch:
                file = folder / each.file
                file.write_text(file.read_text("utf-8").replace(each.old, each.new), "utf-8")
            return Learner(mistake, folder, driver, own)

        yield make


# What is looked at beside what is seen.


def every_tab_stands_still(learner: Learner) -> None:
    b = learner.tabs["B"]
    b.say("")
    b.shows_error("#chat-error")
    waited = time.monotonic() - learner.acted
    assert waited > 1.5, f"While A's call takes 2 s, B should wait; it waited {waited:.1f} s."


def nothing_fails(learner: Learner) -> None:
    learner.tabs["A"].shows("reconnecting…")
    waited = time.monotonic() - learner.acted
    assert waited > 3.5, f"The page should wait for about 5 s; it waited {waited:.1f} s."
    assert "Exception" not in learner.found("terminal")


MORE = {"blocking-call": every_tab_stands_still, "no-accept": nothing_fails}


@pytest.mark.parametrize(
    ("chapter", "mistake"),
    [pytest.param(chapter(each.step), each, id=each.id) for each in MISTAKES],
)
def test_a_mistake_is_seen_as_told(
    chapter: Chapter, mistake: Mistake, learner: Callable[[Mistake], Learner]
) -> None:
    someone = learner(mistake)
    for action in mistake.does:
        someone.do(action)
    if mistake.id in MORE:
        MORE[mistake.id](someone)
    for seen in mistake.seen:
        someone.sees(seen)
    if mistake.check.sign:
        someone.wait(
            lambda: bool(mistake.check.signs_in(someone.evidence())),
            "one of these signs:\n" + "\n".join(mistake.check.sign),
            someone.evidence,
        )


# And the other way round.


TELLS_ALL = "python -X dev -W error::RuntimeWarning manage.py runserver --noreload"


def scenes() -> dict[str, list[Mistake]]:
    """Return the mistakes in the code by where they play, but for those that keep a server from
    starting: that it starts without them, every other test shows."""
    found: dict[str, list[Mistake]] = {}
    for mistake in MISTAKES:
        if mistake.patch and not re.search(r"runserver|daphne", mistake.does[-1]):
            words = [f"step{mistake.step}", "redis" * bool(mistake.redis), "tls" * mistake.tls]
            words.append("two servers" * (len(mistake.servers) > 1))
            found.setdefault("-".join(filter(None, words)), []).append(mistake)
    return found


@pytest.mark.parametrize(
    ("chapter", "without"),
    [pytest.param(chapter(found[0].step), found, id=name) for name, found in scenes().items()],
)
def test_without_a_mistake_nothing_of_it_is_seen(
    chapter: Chapter, without: list[Mistake], learner: Callable[[Mistake], Learner]
) -> None:
    all_seen = [seen for mistake in without for seen in mistake.seen]
    count = max(len(mistake.servers) for mistake in without)
    servers = [f"{TELLS_ALL} 800{number}" for number in range(count)]
    someone = learner(replace(without[0], patch=[], seen=all_seen, servers=servers))
    done: list[str] = []
    for mistake in without:
        if mistake.does != done:
            for name in list(someone.tabs):
                someone.tabs.pop(name).close()
            for action in mistake.does:
                someone.do(action)
            for tab in someone.tabs.values():
                if chapter.number > 1:
                    tab.shows("connected")
                    settle(tab)
            done = mistake.does
        evidence = someone.evidence()
        told = [seen.text for seen in mistake.seen if seen.matches(someone.found(seen.where))]
        assert len(told) < len(mistake.seen), f"Without {mistake.id}, this is seen, too: {told}"
        signs = mistake.check.signs_in(evidence)
        assert not signs, f"Without {mistake.id}, its sign is there, too: {signs}"


def test_a_wrong_text_is_found_out(
    learner: Callable[[Mistake], Learner], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Seen("command", "Apps aren't loaded.")
    someone = learner(replace(mistakes.get("consumers-too-early"), seen=[wrong]))
    someone.do("runs daphne mysite.asgi:application")
    monkeypatch.setattr(f"{__name__}.PATIENCE", 0.1)  # the command has ended: no more will come
    with pytest.raises(AssertionError, match=r"It shows:[^$]*Apps aren't loaded yet\."):
        someone.sees(wrong)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_an_answer_through_the_gate_ends_when_the_server_ends_it(tls: bool) -> None:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with (
        create_server(("127.0.0.1", 0)) as server,
        Gate(f"http://127.0.0.1:{server.getsockname()[1]}", tls=tls) as gate,
        create_connection(("127.0.0.1", urlsplit(gate.url).port), timeout=10) as connection,
        trust.wrap_socket(connection) if tls else connection as client,
    ):
        server.settimeout(10)
        client.sendall(b"question")
        upstream, _ = server.accept()
        with upstream:
            assert upstream.recv(100) == b"question"
            upstream.sendall(b"answer")
            upstream.shutdown(SHUT_WR)
            assert client.recv(100) == b"answer"
            assert client.recv(100) == b""


def test_runserver_hides_that_nobody_awaits(learner: Callable[[Mistake], Learner]) -> None:
    mistake = replace(mistakes.get("missing-await"), servers=["python manage.py runserver"])
    someone = learner(mistake)
    for action in mistake.does:
        someone.do(action)
    assert someone.found("tab A") == ""
    assert "never awaited" not in someone.found("terminal"), "Then the site need not say how to."


# What is seen where everything is there that a mistake needs to show itself, but for the mistake.
WORKS = {
    "consumers-too-early": Seen("command", "… Listening on TCP address 127.0.0.1:…"),
    "sends-before-open": Seen("tab A", "hello, here I am"),
    "orm-in-async": Seen("status", "connected"),
    "live-test-in-memory-database": Seen("command", "=… 3 passed in …"),
}


@pytest.mark.parametrize("name", WORKS)
def test_what_a_mistake_needs_is_no_mistake(
    name: str, learner: Callable[[Mistake], Learner]
) -> None:
    mistake, works = mistakes.get(name), WORKS[name]
    only_settings = [each for each in mistake.patch if each.setting]
    someone = learner(replace(mistake, patch=only_settings, seen=[works]))
    for action in mistake.does:
        someone.do(action)
    someone.sees(works)


def test_every_setting_is_known_to_work() -> None:
    needy = {mistake.id for mistake in MISTAKES if any(each.setting for each in mistake.patch)}
    assert needy == set(WORKS)


# The catalogue.


@pytest.mark.parametrize(
    ("where", "text", "found", "expected"),
    [
        ("terminal", "No handler", "one\nNo handler\ntwo", True),
        ("terminal", "No handler", "ValueError: No handler", False),
        ("terminal", "No handler", "No handler for it", False),
        ("terminal", "… handler", "ValueError: No handler", True),
        ("terminal", "[…] (a.b)", "[8000] (a.b)", True),
        ("terminal", "[…] (a.b)", "[8000] (axb)", False),
        ("terminal", "one\ntwo", "one\ntwo", True),
        ("terminal", "one\ntwo", "one\nand\ntwo", False),
        ("terminal", "one\n…\ntwo", "one\nand\ntwo\n", True),
        ("terminal", "one\n…\ntwo", "one\ntwo", True),
        ("terminal", "one\n…\ntwo", "two\none", False),
        ("tab A", "one", "one", True),
        ("tab A", "one", "one\ntwo", False),
        ("tab A", "", "", True),
        ("tab A", "", "one", False),
    ],
)
def test_a_text_is_found(where: str, text: str, found: str, expected: bool) -> None:
    assert Seen(where, text).matches(found) is expected


def test_a_sign_gives_a_mistake_away() -> None:
    check = Clues(sign=["ValueError: No route found for path '…'.", "one\ntwo"])
    found = "Traceback\nValueError: No route found for path 'ws/x'.\n"
    assert check.signs_in(found) == check.sign[:1]
    assert not check.signs_in("said: ValueError: No route found for path 'ws/x'.\none\n\ntwo")
    assert not Clues().signs_in(found)


def test_other_words_count_elsewhere_only() -> None:
    seen = Seen("terminal", "Error 111", elsewhere="Error …")
    assert not seen.matches("Error 61")
    assert seen.matches("Error 61", elsewhere=True)


GOOD = """
[[mistake]]
id = "no-accept"
title = "Nothing opens"
step = 2
when = "You open a room."
does = ["A opens lobby"]
cause = "The socket is not accepted."
fix = "Accept it."
page = "step2_sync_consumer.md#the-change"

[[mistake.seen]]
where = "status"
text = "connecting…"

[[mistake.patch]]
file = "chat/consumers.py"
old = "self.accept()"
new = "pass"

[mistake.check]
row = "socket_opens"
sign = ["HANDSHAKING …", "CONNECTING"]
symptom = "no answer"
"""


def test_an_entry_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mistakes.toml"
    file.write_text(GOOD, "utf-8")
    (mistake,) = mistakes.load(file)
    assert mistake.seen == [Seen("status", "connecting…")]
    assert mistake.servers == ["python manage.py runserver"]
    assert mistake.check == Clues("socket_opens", ["HANDSHAKING …", "CONNECTING"], "no answer")


def test_a_check_may_have_one_sign_or_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mistakes.toml"
    file.write_text(GOOD.replace('["HANDSHAKING …", "CONNECTING"]', '"HANDSHAKING …"'), "utf-8")
    assert mistakes.load(file)[0].check.sign == ["HANDSHAKING …"]
    file.write_text(GOOD.partition("[mistake.check]")[0], "utf-8")
    assert mistakes.load(file)[0].check == Clues()


def test_a_later_patch_finds_what_an_earlier_one_has_made(tmp_path: Path) -> None:
    """Those that are settings stand on both sides of the repair."""
    file = tmp_path / "mistakes.toml"
    patches = """
[[mistake.patch]]
file = "chat/consumers.py"
old = "import json"
new = "import json\\nimport time"
setting = true

[[mistake.patch]]
file = "chat/consumers.py"
old = "import time"
new = "import tiem"
"""
    file.write_text(GOOD.partition("[[mistake.patch]]")[0] + patches, "utf-8")
    drawn = mistakes.markdown(mistakes.load(file)[0])
    assert "\n import json\n-import tiem\n+import time\n" in drawn
    assert "+import json" not in drawn


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('id = "no-accept"', 'id = "No accept"', "No accept: an id is"),
        ('id = "no-accept"', "", "the entry after the start: missing 1 required"),
        ("step = 2", 'step = "2"', "no-accept: step should be of type int"),
        ("step = 2", "step = 99", "no-accept: There is no step 99"),
        ("step = 2", "step = 2\nstep2 = 2", "unexpected keyword argument 'step2'"),
        ("Nothing opens", '\\"Nothing\\" opens', "without double quotes"),
        ("A opens lobby", "C opens lobby", "nobody can do “C opens lobby”"),
        ("step2_sync_consumer.md#", "#", "page is “#the-change”"),
        ('where = "status"', 'where = "log"', "where is “log”"),
        ("connecting…", "", "no text is seen in the status"),
        ("chat/consumers.py", "chat/consumer.py", "has no file chat/consumer.py"),
        ("self.accept()", "self.acept()", "has this 0 times, not once"),
        ("self.accept()", "self", "times, not once"),
        ("pass", "self.accept()", "changes nothing"),
        ('row = "socket_opens"', 'row = "socket"', "no-accept: row is “socket”, but can only be"),
        ('"no answer"', '"nothing"', "no-accept: symptom is “nothing”, but can only be one of"),
        ('"CONNECTING"', '""', "sign is a text with more than … in it, not ''"),
        ('"HANDSHAKING …"', '" …\\n…"', "sign is a text with more than … in it"),
        ('"CONNECTING"', "1", "sign is a text with more than … in it, not 1"),
        ('["HANDSHAKING …", "CONNECTING"]', "1", "no-accept: sign should be of type list"),
        ("[mistake.check]", "[[mistake.check]]", "argument after ** must be a mapping, not list"),
        ("symptom =", "symptoms =", "no-accept: got an unexpected keyword argument 'symptoms'"),
        ("step = 2", 'step = 2\ntls = "yes"', "no-accept: tls should be of type bool"),
        (GOOD, GOOD + GOOD, "there are two of this id"),
        ("[[mistake]]", "[[mistake]", "Expected"),
    ],
)
def test_an_entry_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    file = tmp_path / "mistakes.toml"
    file.write_text(GOOD.replace(old, new), "utf-8")
    with pytest.raises(ValueError, match=re.escape(problem)):
        mistakes.load(file)


def test_an_unknown_id_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="port-taken, "):
        mistakes.get("no-such-mistake")


def test_the_page_of_mistakes_has_them_all_with_their_anchors() -> None:
    page = mistakes.page()
    anchors = re.findall(r"^### .+ \{ #(.+) \}$", page, re.MULTILINE)
    assert sorted(anchors) == sorted(mistake.id for mistake in MISTAKES)
    for mistake in MISTAKES:
        assert mistakes.markdown(mistake) in page
    assert "<!-- mistakes -->" in (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")


def test_chapters_name_only_mistakes_that_there_are() -> None:
    for file in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"^ *```mistake\n *(.+)$", file.read_text("utf-8"), re.MULTILINE):
            mistakes.get(name)


def test_the_line_for_containers_is_that_of_compose() -> None:
    wrong, right = re.findall(r"^[-+](.+)$", mistakes.get("localhost-in-container").fix, re.M)
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    assert f" {right.strip()}\n" in compose
    assert wrong == right.replace("//redis:", "//localhost:")


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.id)
def test_a_mistake_is_drawn_with_all_that_is_told(mistake: Mistake) -> None:
    drawn = mistakes.markdown(mistake)
    for seen in mistake.seen:
        assert f"\n{seen.text}\n" in drawn or "stay empty" in drawn
    typed = [action.removeprefix("runs ") for action in mistake.does if action.startswith("runs ")]
    if mistake.servers != ["python manage.py runserver"]:
        typed += mistake.servers
    for text in (mistake.when, mistake.cause, mistake.fix, f"({mistake.page})", *typed):
        assert text in drawn
    shown = {each.file for each in mistake.patch if not each.setting}
    for each in mistake.patch:
        assert (f"In `{each.file}`" in drawn) is (each.file in shown)
