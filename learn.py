#!/usr/bin/env python3
"""The way into the course: `python3 learn.py` (on Windows `py learn.py`) shows what there is.

The first time it makes `.venv` beside itself; then it carries on inside it, with course/cli.py.
Down to the check of the version, and in its syntax all the way, it is for Python 3.6.
"""

import contextlib
import hashlib
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

NEEDED, VERSION = (3, 11), "{}.{}".format(*sys.version_info)
if sys.version_info < NEEDED:
    sys.exit(
        "Python {}.{} or newer is needed, this is {}: install one from "
        "https://www.python.org/downloads/ and start learn.py with it.".format(*NEEDED, VERSION)
    )

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "made-from"  # written last: a .venv without it is half made
LISTS = (HERE / "requirements.txt", HERE / "constraints.txt")

# What leads Python or pip away from .venv does not go on into it.
ASTRAY = {"PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH", "PIP_TARGET", "PIP_PREFIX"}
ENVIRONMENT = {name: text for name, text in os.environ.items() if name not in ASTRAY}
ENVIRONMENT.update(PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")


def main() -> None:
    """Carry on inside .venv, which is made first if it is not there or not up to date."""
    try:
        lists = b"".join(each.read_bytes() for each in LISTS)
        wanted = f"Python {VERSION}, {hashlib.sha256(lists).hexdigest()}"
        if stamp() != wanted:
            with locked():
                if stamp() != wanted:  # no other terminal has made it meanwhile
                    make(wanted)
    except OSError as error:
        sys.exit(f"{VENV} cannot be made: {error}. May you write in this folder?")
    if VENV.samefile(sys.prefix):
        from course.cli import main as carry_on

        return carry_on()
    command = [str(PYTHON), str(HERE / "learn.py"), *sys.argv[1:]]
    if os.name != "nt":
        os.execve(PYTHON, command, ENVIRONMENT)
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the process inside
    sys.exit(subprocess.call(command, env=ENVIRONMENT))


def stamp() -> str:
    """Return what .venv was made from: nothing if it is missing, half made or does not run."""
    with contextlib.suppress(OSError):
        runs = [str(PYTHON), "-S", "-c", ""]
        if subprocess.call(runs, env=ENVIRONMENT, stderr=subprocess.DEVNULL) == 0:
            return STAMP.read_text()
    return ""


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold a lock that the system takes back from a process that ends, however it ends."""
    with open(HERE / "learn.py", "rb+") as file:
        for attempt in itertools.count():
            with contextlib.suppress(BlockingIOError, PermissionError):
                if os.name == "nt":
                    import msvcrt

                    file.seek(1 << 30)  # far after the end: nobody could read a locked byte
                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                else:
                    import fcntl

                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if attempt == 0:
                say("Another learn.py is making .venv. Waiting for it ...")
            time.sleep(0.2)
        yield


def make(wanted: str) -> None:
    """Make .venv, or bring it up to date; leave with one line that says why if that fails."""
    uv = shutil.which("uv") or ""
    if stamp().startswith(f"Python {VERSION},"):
        say("What the course needs has changed: bringing .venv up to date ...")
        STAMP.unlink()
    elif not uv and not importlib.util.find_spec("ensurepip"):
        sys.exit(
            "This Python cannot make a .venv: its module ensurepip is missing. "
            f"On Debian and Ubuntu: sudo apt install python{VERSION}-venv"
        )
    else:
        say(f"Making .venv{' anew' if VENV.exists() else ''}, with what the course needs ...")
        if VENV.exists():
            shutil.rmtree(VENV)
        VENV.mkdir()
        python = getattr(sys, "_base_executable", sys.executable)  # not the one of the .venv gone
        with_uv = [uv, "venv", "--quiet", "--seed", "--python", python, str(VENV)]
        first_that_works(with_uv, [python, "-m", "venv", "--clear", str(VENV)])
    lists = ["-r", str(LISTS[0]), "-c", str(LISTS[1])]
    with_uv = [uv, "pip", "install", "--python", str(PYTHON), *lists]
    first_that_works(with_uv, [str(PYTHON), "-m", "pip", "install", "--no-input", *lists])
    STAMP.write_text(wanted)
    say("Done.")


def first_that_works(*commands: list[str]) -> None:
    """Run commands, except one without its tool, until one works; leave if none does."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    for command in filter(all, commands):
        lines = [f"Error: {Path(command[0]).name} fails"]
        process = subprocess.Popen(command, env=ENVIRONMENT, text=True, errors="replace", **pipes)
        try:
            for line in process.stdout:
                show(line)
                lines.append(line.strip())
            if process.wait() == 0:
                return
        finally:
            process.kill()  # if interrupted: nothing goes on installing without the lock
            show("")
    said = "\n".join(lines).lower()
    if any(sign in said for sign in ("from versions: none", "failed to fetch", "connection")):
        sys.exit("The package index does not answer: mend the network, then type the same again.")
    error = next(line for line in reversed(lines) if "error" in line.lower())
    sys.exit(f"{error}. Is there a network? Mend that, then type the same again.")


def show(line: str) -> None:
    """Show the line that a command is at, in place of the one before it."""
    if sys.stderr.isatty():
        print(f"  {line.strip()[:70]:70}", end="\r", file=sys.stderr, flush=True)


def say(line: str) -> None:
    """Print a line, and not to stdout, which is for what the command itself has to tell."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        say("Stopped. Type the same again to carry on.")
        sys.exit(130)
