"""Runs what a Markdown page shows, as its reader would: types its commands, compares what they
print, and opens the addresses that it names while the servers that it starts run."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import pytest

from course.chapters import CHAPTERS, ROOT, SITE_PORT, chapter
from course.markdown import Fence, fences
from course.run.serve import DIRECT, OWN_GROUP, copy_project, port_taken, stop, wait_until

RUN = ("console", "sh")  # a console block shows what is printed, an sh block only what is typed
EDITED = "mysite/"  # code with a title that starts so is written to this file of a new project
ANY = "…"
ENDED = "\x1e"  # printed after each command, with its exit status
ADDRESS = re.compile(r"<(http://localhost:(\d+)[^>]*)>")
SERVES = re.compile(r"learn\.py (run|docs)|runserver|uvicorn|redis-server")
SECONDS, SECONDS_WITH_DOCKER = 300, 900  # for a block to end or a server to start
SYSTEMS = {"macOS": "darwin", "Linux": "linux"}
OF_THE_TESTS = ("DJANGO_", "REDIS_", "RABBITMQ_", "PYTEST_", "GIT_", "PYTHON", "COLUMNS")


class Wrong(Exception):
    """Something on a page is not as it says; the text begins with the line."""


@dataclass(frozen=True)
class Command:
    """What is typed, its line on the page, and the lines that it should print (None: not shown)."""

    text: str
    line: int
    expected: list[str] | None

    def check(self, printed: str, status: int | None) -> None:
        """Raise Wrong unless it printed what the page shows or, if the page shows no output,
        succeeded. A status of None is a server that is still running."""
        state = "is still running" if status is None else f"ended with status {status}"
        seen = f"`{self.text}` {state}. It printed:\n{indent(printed, '    ')}"
        if status and not self.expected:
            raise Wrong(f"{self.line}: {seen}")
        if self.expected is not None and not matches(self.expected, printed, status is None):
            shown = indent("\n".join(self.expected), "    ")
            raise Wrong(f"{self.line}: the page shows:\n{shown}\nBut {seen}")


def matches(expected: list[str], printed: str, more_may_come: bool = False) -> bool:
    """Say whether the lines are as expected: a line … is any lines, … in a line is any text."""
    patterns = [
        r"(?:.*\n)*" if line.strip() == ANY else ".*".join(map(re.escape, line.split(ANY))) + r"\n"
        for line in "\n".join(expected).rstrip().split("\n")
    ]
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed)  # colours
    text = re.sub(r"[ \t]+$", "", text.rstrip(), flags=re.MULTILINE) + "\n"
    return bool(re.fullmatch("".join(patterns) + (r"(?:.*\n)*" if more_may_come else ""), text))


def commands(fence: Fence) -> list[Command]:
    """Return the commands of a block, those of an sh block as one; raise Wrong if it has none."""
    if fence.language == "sh":
        return [Command(fence.body.strip(), fence.line, None)]
    found: list[Command] = []
    for line, text in enumerate(fence.body.splitlines(), fence.line + 1):
        if text.startswith("$ "):
            found.append(Command(text[2:], line, []))
        elif not found:
            raise Wrong(f"{line}: a console block begins with “$ ” and a command")
        else:
            found[-1].expected.append(text)
    return found


def why_not(fence: Fence, docker: bool) -> str:
    """Return why a block is not run, "" if it is: blocks for Docker are run with `docker`, all
    others without."""
    place = fence.title.partition(",")[0]
    kind, _, name = place.partition(" ")
    if fence.skip:
        return fence.skip
    if place == "PowerShell":
        return "this is for Windows"
    if (place == "Docker") != docker:
        return "tests/slow/test_prose.py runs what needs Docker"
    if kind == "On" and sys.platform != SYSTEMS[name]:
        return f"this is not {name}"
    if kind == "With" and not shutil.which(name.lower()):
        return f"there is no {name} on the PATH"
    return ""


def port_of(command: str) -> int | None:
    """Return the port on which a command serves until it is stopped, None if it ends by itself."""
    if not SERVES.search(command):
        return None
    if named := re.search(r"--port (\d+)", command):
        return int(named[1])
    step = re.search(r"learn\.py run (\d+)", command)
    return chapter(int(step[1])).port if step else SITE_PORT if "docs" in command else 8000


def read(page: Path, course: Path, docker: bool = False) -> list[tuple[int, str]]:
    """Do what a page in a copy of the course says, in its order; with `docker` run the blocks that
    need it, else the others. Return the line of each block that was not run, and why. Raise Wrong,
    or TimeoutError, at the first thing that is not as the page says."""
    text = page.read_text("utf-8")
    acts = [
        (each.line, each)
        for each in fences(text)
        if each.language in RUN or each.title.startswith(EDITED)
    ]
    if not docker:
        acts += [(text.count("\n", 0, it.start()) + 1, it) for it in ADDRESS.finditer(text)]
    servers: dict[int, subprocess.Popen] = {}
    skipped = []
    try:
        for line, act in sorted(acts, key=lambda each: each[0]):
            if not isinstance(act, Fence):
                visit(line, act[1], servers.get(int(act[2])))
            elif reason := why_not(act, docker):
                skipped.append((line, reason))
            elif act.language not in RUN:
                name, at_the_end, _ = act.title.partition(", at the end")
                with (course / name).open("a" if at_the_end else "w", encoding="utf-8") as file:
                    file.write(act.body)
            else:
                folder = page.parent if (page.parent / "manage.py").exists() else course
                if place := re.search(
                    r"\bin (step\w+|my_chat|the folder of the course)", act.title, re.I
                ):
                    folder = course / re.sub("^the.*", ".", place[1])
                *_, last = block = commands(act)
                if port := port_of(last.text):
                    if port in servers:
                        stop(servers.pop(port))
                    if port_taken(port):
                        raise Wrong(f"{line}: another program has port {port}: stop that one")
                    log = course.with_name(f"{line}.txt")
                    servers[port] = start(last.text, folder, course, log)
                    wait_for_server(last, port, servers[port], log)
                else:
                    run(block, folder, course)
    finally:
        for process in servers.values():
            stop(process)
    return skipped


def start(script: str, folder: Path, course: Path, log: Path) -> subprocess.Popen:
    """Type something in a folder, with the .venv of the copy of the course activated."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(OF_THE_TESTS)}
    ours = {
        "PATH": f"{course / '.venv' / 'bin'}{os.pathsep}{kept['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "COMPOSE_PROJECT_NAME": f"channels-prose-{os.getpid()}",
    }
    pipes = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    with log.open("wb") as output:
        command = ["bash", "-c", script]
        return subprocess.Popen(
            command, cwd=folder, env=kept | ours, stdout=output, **pipes, **OWN_GROUP
        )


def run(block: list[Command], folder: Path, course: Path) -> None:
    """Type a block in one shell, and wait until its commands have ended. Compose starts containers
    in the background."""
    line, script = block[0].line, "set -o pipefail\n"
    for each in block:
        typed = each.text.replace("compose up ", "compose up --detach --wait ")
        typed = f"(set -e\n{typed}\n)" if each.expected is None else typed
        script += f"{typed}\nprintf '{ENDED}%d\\n' $?\n"
    log = course.with_name(f"{line}.txt")
    process = start(script, folder, course, log)
    try:
        seconds = SECONDS_WITH_DOCKER if "docker" in script else SECONDS
        wait_until(lambda: process.poll() is not None, f"{line}: does not end", seconds)
    finally:
        stop(process)
    printed = re.split(f"{ENDED}(\\d+)\n", log.read_text("utf-8"))
    for command, text, status in zip(block, printed[::2], printed[1::2], strict=False):
        command.check(text, int(status))
    if len(printed) // 2 < len(block):
        raise Wrong(f"{block[len(printed) // 2].line}: the shell ended here: {printed[-1]}")


def wait_for_server(command: Command, port: int, process: subprocess.Popen, log: Path) -> None:
    """Wait until a server prints what the page shows and its port is open."""

    def ready() -> bool:
        shown = command.expected is None or matches(command.expected, log.read_text("utf-8"), True)
        return process.poll() is not None or (shown and port_taken(port))

    try:
        wait_until(ready, f"{command.line}: nobody answers on port {port}", SECONDS)
    finally:
        command.check(log.read_text("utf-8"), process.poll())


def visit(line: int, address: str, server: subprocess.Popen | None) -> None:
    """Open an address; raise Wrong unless it is that of a server which runs and has the page."""
    if server is None or server.poll() is not None:
        raise Wrong(f"{line}: {address}: no block before it serves on this port")
    try:
        DIRECT.open(address, timeout=20).close()
    except OSError as error:
        raise Wrong(f"{line}: {address}: {error}") from None


def of(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


def check(page: Path, folder: Path, subtests: pytest.Subtests, docker: bool = False) -> None:
    """Fail unless what a page shows happens in a copy of the course; report each block that is not
    run as skipped. The copy uses the course's own .venv, so nothing has to be installed."""
    course = copy_project(ROOT, folder / "course")
    (course / ".venv").symlink_to(ROOT / ".venv")
    start("git init && git add --all", course, course, folder / "git.txt").wait()
    if page.name == "CONTRIBUTING.md":  # its reader has edited step 1
        with (course / CHAPTERS[0].folder.name / "manage.py").open("a") as file:
            file.write("# edited\n")
    name = page.relative_to(ROOT)
    skipped = read(course / name, course, docker)
    for line, reason in [] if docker else skipped:
        with subtests.test(f"{name}:{line}"):
            pytest.skip(f"{name}:{line}: {reason}")
