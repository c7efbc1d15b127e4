"""A Markdown page, used as a reader would use it: its commands are typed in a clean copy of the
course, and the addresses that it names are opened while the servers that it starts run."""

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from textwrap import indent
from urllib.error import HTTPError
from urllib.parse import quote

import psutil

from course.chapters import CHAPTERS, ROOT
from course.markdown import Fence, fences
from course.run.serve import DIRECT, OWN_GROUP, port_taken

RUN = ("console", "sh")
LOOK_ALIKES = ("bash", "zsh", "shell", "shell-session", "powershell", "pwsh", "bat", "cmd")
WITHOUT_ADDRESSES = ("http", "nginx", "text")  # they show what others send, or another machine

# Seconds, at most
COMMAND_ENDS, IMAGES_ARE_BUILT, SERVER_STARTS, SERVER_SPEAKS, SERVER_STOPS = 120, 900, 60, 5, 20

ANY = "…"
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ENDED = "\x1e"  # printed after a command, with its exit status: no program prints it
ADDRESS = re.compile(
    r"(?P<link><|\]\()?(?P<scheme>http|ws)://(?:localhost|127\.0\.0\.1|\[::1\]):(?P<port>8\d{3})\b"
    r"(?P<path>/[^\s<>\"'`)\]|]*)?"
)
BARE_COMMAND = re.compile(
    r"\n *\n((?: {4}|\t) *(?:python3?|py|pip|pytest|docker|git|cd|daphne|redis-server|\.venv)\b.*)"
)
# What the environment says to whoever runs the tests is not said to the reader.
FOR_THE_TESTS = (
    "DJANGO_",
    "REDIS_",
    "PYTEST_",
    "COMPOSE_",
    "GIT_",
    "PYTHON",
    "VIRTUAL_ENV",
    "COLUMNS",
)
SYSTEMS = {"Windows": "win32", "macOS": "darwin", "Linux": "linux"}


class Wrong(Exception):
    """Something on a page is not as it says; the text is for whoever mends the page."""


# What a block says


@dataclass(frozen=True)
class Command:
    """What is typed, the line of the page where it stands, and the lines that it should print: None
    where the page does not show them."""

    text: str
    line: int
    expected: Sequence[str] | None

    @property
    def ports(self) -> tuple[int, ...]:
        """Where it serves until Ctrl-C; nothing if it ends by itself."""
        return served(self.text)

    @property
    def is_redis(self) -> bool:
        return "redis-server" in self.text


@dataclass(frozen=True)
class Block:
    """The commands of one fence, all typed in one terminal; where, and why not here."""

    line: int
    commands: tuple[Command, ...]
    folder: str | None  # None: where the page's readers are anyway
    unless: str  # the condition or the reason in its title; "" if it is run everywhere

    @property
    def ports(self) -> tuple[int, ...]:
        return self.commands[-1].ports


def read(fence: Fence) -> Block:
    """Return what a fence says; raise Wrong if that is not clear."""
    unless, folder = read_title(fence.title, fence.line)
    commands: list[tuple[str, int, list[str] | None]] = []
    continued = False
    for number, text in enumerate(fence.body.rstrip().split("\n"), fence.line + 1):
        typed = text.startswith("$ ") if fence.language == "console" else text.strip()
        if continued:
            before, line, expected = commands.pop()
            commands.append((f"{before}\n{text.removeprefix('> ')}", line, expected))
        elif fence.language == "sh" and typed:
            if text.startswith("$ "):
                raise Wrong(f"{number}: “$ ” is for a console fence; in sh, write the command only")
            if not text.startswith("#"):
                commands.append((text, number, None))
        elif typed:
            commands.append((text[2:], number, []))
        elif fence.language == "console":
            if not commands:
                raise Wrong(f"{number}: output before the first command; commands begin with “$ ”")
            commands[-1][2].append(text.rstrip())
        continued = bool(commands) and commands[-1][0].endswith("\\")
    if not commands:
        raise Wrong(f"{fence.line}: a block without a command")
    for text, line, _ in commands[:-1]:
        if served(text):
            raise Wrong(f"{line}: nothing can be typed after `{text}`: end the block there")
    typed = (
        Command(text, line, each if each is None else tuple(each)) for text, line, each in commands
    )
    return Block(fence.line, tuple(typed), folder, unless)


def read_title(title: str, line: int) -> tuple[str, str | None]:
    """Return the condition or the reason that a title names, and the folder."""
    if title.startswith("Not run:"):
        return title, None
    place = re.search(r"\bin (.+)$", title, re.IGNORECASE)
    folder = place and place[1].replace("the folder of the course", ".")
    condition = re.match(r"(?:On|With) [^,]+", title)
    known = {f"On {system}" for system in SYSTEMS}
    known |= {"With Docker", "With git", "With redis-server", "With rabbitmq-server"}
    if condition and condition[0] not in known:
        raise Wrong(
            f"{line}: nobody knows when to run “{title}”: write one of {', '.join(sorted(known))}, "
            "or “Not run: ” and the reason"
        )
    return condition[0] if condition else "", folder


def served(command: str) -> tuple[int, ...]:
    """Return the ports on which a command serves until Ctrl-C; none if it ends by itself."""
    program = _program(command)
    named = re.search(r" (?:--port|-p|--dev-addr|-a)[= ](?:\S*:)?(\d+)\b", program)
    ports: list[int | str | None] = []
    if run := re.match(r"learn\.py run (\d+)", program):
        ports = [each.port for each in CHAPTERS if each.number == int(run[1])]
    elif runserver := re.match(r"manage\.py runserver(?: (?:\S+:)?(\d+)\b)?", program):
        ports = [runserver[1] or 8000]
    elif up := re.match(r"docker compose(?: .*)? up\b(?!.* (?:-d|--detach|--wait)\b)", program):
        default = {f"step{each.number}": each.port for each in CHAPTERS}
        services = default | {"docs": 8000, "step4-rabbitmq": 8014}
        words = program[up.end() :].split()
        return tuple(services[word] for word in words if word in services) or (*default.values(),)
    elif re.match(r"redis-server\b(?! --version)", program):
        ports = [6379]
    elif re.match(r"learn\.py docs\b|mkdocs serve\b|(daphne|uvicorn) (?!--version)", program):
        ports = [8000]
    found = [int(named[1] if named else port) for port in ports]
    return tuple(port for port in found if port < 65536)


def _program(command: str) -> str:
    """Return what a command starts, without what leads to it: `cd`, variables, Python, a path."""
    try:
        words = shlex.split(command.rpartition("&&")[2])
    except ValueError:
        return ""
    while words and re.fullmatch(r"\w+=.*|exec|(\S*/)?(python3?|py)|-m", words[0], re.DOTALL):
        words.pop(0)
    return " ".join([words[0].rpartition("/")[2], *words[1:]]) if words else ""


def addresses(page: str) -> Iterator[tuple[int, str, int]]:
    """Return the line, the address and the port of each page or socket of ours that a page names.

    A text like `http://localhost:8003`, without a path and without a link, is an origin."""
    without = {
        line
        for fence in fences(page)
        if fence.language in WITHOUT_ADDRESSES
        for line in range(fence.line, fence.line + fence.text.count("\n") + 1)
    }
    for match in ADDRESS.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        if line not in without and (match["path"] or match["link"]):
            text = match[0].removeprefix(match["link"] or "")
            yield line, text.rstrip(".,;:!?*…"), int(match["port"])


# What it prints


def lines_of(printed: str) -> list[str]:
    """Return the lines that a person sees: no colours, no ends of lines, the last of several states
    of one line, no empty lines at the end."""
    seen = ANSI.sub("", printed).replace("\r\n", "\n").rstrip().split("\n")
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in seen]
    return [] if lines == [""] else lines


def unmet(expected: Sequence[str], printed: list[str], on: bool = False) -> int | None:
    """Return the index of the first expected line that does not come; None if all come.

    The index after the last one says that something comes after it. With `on`, that may be: more is
    to come from a server. In `expected` a line … stands for any lines, … in a line for any text."""
    parts: list[list[tuple[int, str]]] = [[]]
    for index, line in enumerate(expected):
        if line.strip() == ANY:
            parts.append([])
        else:
            parts[-1].append((index, line))
    start = 0
    for number, part in enumerate(parts):
        first, last = number == 0, number == len(parts) - 1
        if not part:
            continue
        if first:
            places = [0]
        elif last and not on:
            places = [max(start, len(printed) - len(part))]
        else:
            places = list(range(start, max(start, len(printed) - len(part)) + 1))
        met = [_met(part, printed[place:]) for place in places]
        if len(part) not in met:
            if last and not first and not on and unmet(expected, printed, on=True) is None:
                return len(expected)
            return part[max(met)][0]
        start = places[met.index(len(part))] + len(part)
    if parts[-1] or not expected:
        return None if on or start == len(printed) else len(expected)
    return None


def _met(part: list[tuple[int, str]], printed: list[str]) -> int:
    """Return how many lines of a part come one after the other at the start of what is printed."""
    for count, (_, line) in enumerate(part):
        pattern = ".*".join(re.escape(piece) for piece in line.split(ANY))
        if count == len(printed) or not re.fullmatch(pattern, printed[count]):
            return count
    return len(part)


def compare(command: Command, printed: str, status: int | None = None) -> None:
    """Raise Wrong unless a command printed what the page shows of it, and ended well unless the
    page shows how it did not. No status: it runs on."""
    lines = lines_of(printed)
    told = f"It printed:\n{indent(chr(10).join(lines[-40:]) or '(nothing)', '    ')}"
    if status and not command.expected:
        raise Wrong(f"{command.line}: `{command.text}` ends with exit status {status}. {told}")
    if command.expected is None:
        return
    index = unmet(command.expected, lines, on=status is None)
    if index is None:
        return
    if index == len(command.expected):
        raise Wrong(f"{command.line}: `{command.text}` prints more than the page shows. {told}")
    line = command.line + 1 + command.text.count("\n") + index
    raise Wrong(
        f"{line}: `{command.text}` does not print what the page shows:\n"
        f"    {command.expected[index]}\n{told}"
    )


# The reader


def copy_of_the_course(folder: Path) -> Path:
    """Make a clean copy of the course: what git has or would have, in a git of its own. Its .venv
    is a link to the course's own, which has to be up to date, so that nothing is installed."""
    try:
        listed = _git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    except (OSError, subprocess.CalledProcessError):  # no git, or a course that was not cloned
        listed = ""
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    if not listed:
        leftovers = (".git", ".venv", "__pycache__", ".*_cache", "test-results", "site")
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*leftovers))
    with contextlib.suppress(FileNotFoundError):
        _git(folder, "init", "--quiet")
        _git(folder, "add", "--all")
    if os.name != "nt":
        (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def _git(folder: Path, *words: str) -> str:
    """Return what git prints in a folder, also where a git hook runs the tests."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    pipes = {"stderr": subprocess.DEVNULL, "encoding": "utf-8"}
    return subprocess.check_output(["git", *words], cwd=folder, env=kept, **pipes)


def venv_is_up_to_date() -> bool:
    """Say whether learn.py would use the course's .venv as it is."""
    with contextlib.suppress(OSError):
        lists = [(ROOT / name).read_bytes() for name in ("requirements.txt", "constraints.txt")]
        stamp = (ROOT / ".venv" / "made-from").read_text()
        return stamp.endswith(f", {hashlib.sha256(b''.join(lists)).hexdigest()}")
    return False


class Terminal:
    """A shell in which a block is typed, and what it prints."""

    def __init__(self, block: Block, folder: Path, environment: dict[str, str], log: Path) -> None:
        self.block, self.log = block, log
        *ending, last = block.commands
        report = f"printf '{ENDED}%d\\n' $?"
        script = ["set -o pipefail", *(f"{each.text}\n{report}" for each in ending), last.text]
        if not block.ports:
            script.append(report)
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["bash", "-c", "\n".join(script)],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_hear_ctrl_c,
                **OWN_GROUP,
            )
        self.family = {psutil.Process(self.process.pid)}

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def check(self) -> None:
        """Raise Wrong unless everything that has been typed printed what the page shows."""
        *told, rest = re.split(f"{ENDED}(\\d+)\n", self.printed())
        commands = iter(self.block.commands)
        for output, status in zip(told[::2], told[1::2], strict=True):
            compare(next(commands), output, int(status))
        if command := next(commands, None):  # a server, or one that ended the shell
            compare(command, rest, self.process.poll())
        if self.process.poll() is not None and (command := next(commands, None)):
            raise Wrong(f"{command.line}: `{command.text}` is not reached")

    def run(self) -> None:
        """Wait until all commands have ended; raise Wrong unless they did what the page shows."""
        builds = any("docker compose up" in each.text for each in self.block.commands)
        patience = IMAGES_ARE_BUILT if builds else COMMAND_ENDS
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Wrong(
                f"{self.block.line}: the block does not end within {patience} seconds. "
                f"It printed:\n{indent(self.printed(), '    ')}"
            ) from None
        finally:
            self.kill()
        self.check()

    def serve(self) -> None:
        """Wait until the server shows what the page shows, and answers; raise Wrong if it does not,
        except where the page shows why it ends."""
        command = self.block.commands[-1]
        patience = IMAGES_ARE_BUILT if "docker" in command.text else SERVER_STARTS
        deadline, listens, ready = time.monotonic() + patience, False, False
        while not ready and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
            if not listens and all(map(port_taken, command.ports)):
                listens = True
                if patience == SERVER_STARTS:  # the port of a container is open before its server
                    deadline = min(deadline, time.monotonic() + SERVER_SPEAKS)
            if listens:
                with contextlib.suppress(Wrong):
                    self.check()
                    ready = all(answers(port, command.is_redis) for port in command.ports)
        self.look()
        self.check()
        shown = "\n".join(command.expected or ())
        if self.process.poll() is not None and (not shown.strip("…\n") or "://" in shown):
            raise Wrong(f"{command.line}: `{command.text}` ends by itself. {self.said()}")
        if self.process.poll() is None and not ready:
            ports = ", ".join(map(str, command.ports))
            raise Wrong(
                f"{command.line}: `{command.text}` does not answer on {ports}. {self.said()}"
            )

    def said(self) -> str:
        return f"It printed:\n{indent(chr(10).join(lines_of(self.printed())[-40:]), '    ')}"

    def look(self) -> None:
        """Note all that the shell has started and that still belongs to it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.family |= {*psutil.Process(self.process.pid).children(recursive=True)}

    def stop(self) -> None:
        """Press Ctrl-C; raise Wrong if something does not end then, or has ended before."""
        command = self.block.commands[-1]
        ended = self.process.poll()
        if ended is not None:
            self.kill()
            raise Wrong(f"{command.line}: `{command.text}` has ended by itself. {self.said()}")
        self.look()
        os.killpg(self.process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(SERVER_STOPS)
        psutil.wait_procs(self.family, timeout=2)
        left = sorted({name for each in self.family if (name := alive(each))})
        self.kill()
        if left:
            raise Wrong(
                f"{command.line}: after Ctrl-C on `{command.text}` there still runs: "
                f"{', '.join(left)}. {self.said()}"
            )

    def kill(self) -> None:
        """End, by force, what still runs."""
        self.look()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for each in self.family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait()
        psutil.wait_procs(self.family, timeout=2)


def _hear_ctrl_c() -> None:
    """In a new process: let Ctrl-C end it, also where the tests run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def alive(process: psutil.Process) -> str:
    """Return the name of a process that runs, "" for one that has ended."""
    try:
        ended = not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        return "" if ended else process.name()
    except psutil.NoSuchProcess:
        return ""


def answers(port: int, is_redis: bool = False) -> bool:
    """Say whether somebody answers on a port, whatever it is."""
    if is_redis:
        return port_taken(port)
    try:
        DIRECT.open(f"http://localhost:{port}/", timeout=5).close()
    except HTTPError:
        pass
    except (OSError, HTTPException):
        return False
    return True


class Reader:
    """Somebody who does, in the order of a page, what it says. As a context manager, so that
    nothing that was started stays.

    `why_not` says why a condition does not hold here ("" if it does). `done` counts the blocks
    that were run, `opened` the addresses; `left` holds the place of each that was not, and why."""

    def __init__(self, page: Path, course: Path, logs: Path, why_not: Callable[[str], str]) -> None:
        self.course, self.logs, self.why_not = course, logs, why_not
        self.name = page.relative_to(course).as_posix()
        self.text = page.read_text("utf-8")
        self.folder = page.parent if page.parent.name.startswith("step") else course
        self.terminals: list[Terminal] = []  # those in which a server runs
        self.latest: tuple[int, ...] = ()  # the ports that the prose after a server is about
        self.absent: dict[int, str] = {}  # ports of servers that are not started here, and why
        self.composed = False  # whether Docker Compose has made something
        self.done = self.opened = 0
        self.left: list[tuple[str, str]] = []
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(FOR_THE_TESTS)
        }
        self.environment = kept | {
            "PATH": f"{course / '.venv' / 'bin'}{os.pathsep}{kept['PATH']}",
            "PYTHONUNBUFFERED": "1",  # a terminal shows what is printed at once
            "COMPOSE_PROJECT_NAME": f"channels-prose-{os.getpid()}",
        }

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *exception: object) -> None:
        for terminal in self.terminals:
            terminal.kill()
        if self.composed:
            remove = ["down", "--volumes", "--rmi", "local", "--remove-orphans"]
            subprocess.run(
                ["docker", "compose", "--profile", "*", *remove],
                cwd=self.course,
                env=self.environment,
                capture_output=True,
                timeout=120,
            )

    def read(self) -> None:
        """Do all that the page says; raise Wrong, with page and line, at the first thing that is
        not as it says."""
        try:
            for _, act in sorted(self._acts(), key=lambda each: each[0]):
                act()
            while self.terminals:
                self.terminals.pop().stop()
        except Wrong as wrong:
            raise Wrong(f"{self.name}:{wrong}") from None

    def _acts(self) -> Iterator[tuple[int, Callable[[], None]]]:
        """Return what the reader does, with the line of the page that says so."""
        for fence in fences(self.text):
            if fence.language in LOOK_ALIKES:
                raise Wrong(f"{fence.line}: “{fence.language}” is not run: write sh or console")
            if fence.language in RUN:
                block = read(fence)
                yield fence.line, lambda block=block: self._type(block)
        hidden = re.sub(r"(?ms)^( *)```.*?^\1```", lambda m: "\n" * m[0].count("\n"), self.text)
        if bare := BARE_COMMAND.search(hidden):
            line = hidden.count("\n", 0, bare.start(1)) + 1
            raise Wrong(f"{line}: a command that no test runs: put it between ```sh and ```")
        for heading in re.finditer(r"^#+ ", hidden, re.MULTILINE):
            yield hidden.count("\n", 0, heading.start()) + 1, self._go_on
        in_prose = {*addresses(hidden)}
        for found in addresses(self.text):
            yield found[0], lambda all=(*found, found in in_prose): self._open(*all)

    def _go_on(self) -> None:
        """Begin another subject: what is said now may be about any server that runs."""
        self.latest = ()

    def _type(self, block: Block) -> None:
        self.latest = block.ports
        reason = self.why_not(block.unless) if block.unless else ""
        if os.name == "nt":
            reason = reason or "Windows has no shell like that of Linux and macOS"
        if reason:
            self.left.append((f"{self.name}:{block.line}", reason))
            self.absent.update(dict.fromkeys(block.ports, reason))
            return
        folder = self.folder if block.folder is None else self.course / block.folder
        if not folder.is_dir():
            raise Wrong(f"{block.line}: there is no folder {block.folder}")
        for terminal in [*self.terminals]:
            if set(block.ports) & set(terminal.block.ports):
                self.terminals.remove(terminal)
                terminal.stop()
        for port in block.ports:
            if port_taken(port):
                raise Wrong(
                    f"{block.line}: port {port} is taken by another program; stop that one, so "
                    "that this block can be run"
                )
        self.composed |= any("docker compose" in command.text for command in block.commands)
        log = self.logs / f"{self.name.replace('/', '-')}-{block.line}.log"
        terminal = Terminal(block, folder, self.environment, log)
        if block.ports:
            self.terminals.append(terminal)
            terminal.serve()
            if terminal.process.poll() is not None:
                self.terminals.remove(terminal)
        else:
            terminal.run()
        self.done += 1

    def _open(self, line: int, address: str, port: int, in_prose: bool) -> None:
        if in_prose and self.latest and port not in self.latest:
            raise Wrong(
                f"{line}: {address}: what the block before it starts serves on port "
                f"{', '.join(map(str, self.latest))}"
            )
        serving = [each for each in self.terminals if port in each.block.ports]
        if not serving:
            if reason := self.absent.get(port):
                self.left.append((f"{self.name}:{line} ({address})", reason))
                return
            raise Wrong(f"{line}: {address}: no block before it on this page serves on port {port}")
        if address.startswith("http"):
            if problem := trouble(address):
                raise Wrong(f"{line}: {address}: {problem}. {serving[-1].said()}")
            self.opened += 1


def trouble(address: str) -> str:
    """Return why a page cannot be seen at an address, "" if it can."""
    try:
        DIRECT.open(quote(address, safe="/:?&=%#[]"), timeout=20).close()
    except HTTPError as error:
        return f"it answers with status {error.code}"
    except (OSError, HTTPException) as error:
        return f"it does not answer ({error})"
    return ""


def why_not(condition: str, docker: Callable[[], str]) -> str:
    """Return why a block with this condition or reason in its title is not run here; "" if it is.
    `docker` says why there is no Docker, if there is none."""
    if condition.startswith("Not run:"):
        return condition.removeprefix("Not run:").strip() or "no reason given"
    if condition == "With Docker":
        return docker()
    kind, _, name = condition.partition(" ")
    if kind == "With":
        return "" if shutil.which(name) else f"there is no {name} on the PATH"
    return "" if sys.platform == SYSTEMS[name] else f"this is not {name}"
