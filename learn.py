#!/usr/bin/env python3
"""The way into the course: `python3 learn.py` (on Windows `py learn.py`) shows what there is.

The first time it makes `.venv` beside itself; then it carries on inside it, with course/cli.py.
Its syntax, and what runs before the check of the version, is for Python 3.6.
"""

import hashlib
import os
import re
import signal
import subprocess
import sys
import sysconfig
from functools import partial
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
LISTS = [HERE / "requirements.txt", HERE / "constraints.txt"]
say = partial(print, file=sys.stderr, flush=True)  # stdout is for the command itself
# What leads Python or pip away from .venv does not go on into it.
ASTRAY = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_USER"}
ENVIRONMENT = {name: text for name, text in os.environ.items() if name not in ASTRAY}
# uv does not read pip's settings, such as the address of a mirror: this is what it calls them.
SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
}


def main() -> None:
    """Carry on inside .venv, which is made first if it is not there or not up to date."""
    lists = b"".join(path.read_bytes() for path in LISTS)
    wanted = f"Python {VERSION}, {hashlib.sha256(lists).hexdigest()}"
    try:
        made_from = STAMP.read_text() if PYTHON.exists() and STAMP.exists() else ""
        if made_from != wanted:
            make(wanted, is_old=made_from.startswith(f"Python {VERSION},"))
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"{VENV} cannot be made: {error}. Check that you may write in this folder.")
    if VENV.samefile(sys.prefix):
        from course.cli import main as carry_on

        return carry_on()
    command = [str(PYTHON), str(HERE / "learn.py"), *sys.argv[1:]]
    if os.name != "nt":
        os.execve(PYTHON, command, ENVIRONMENT)
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the process inside
    sys.exit(subprocess.call(command, env=ENVIRONMENT))


def make(wanted: str, is_old: bool) -> None:
    """Make .venv, or bring it up to date. pip installs uv; uv, three times as fast, the rest."""
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError as error:
        how = f"On Debian and Ubuntu: sudo apt install python{VERSION}-venv"
        sys.exit(f"This Python cannot make a .venv: its module {error.name} is missing. {how}")
    if is_old:
        say("What the course needs has changed: bringing .venv up to date ...")
        STAMP.unlink()
    else:
        say("Making .venv, with what the course needs (10 s to a minute) ...")
        venv.create(VENV, clear=True, symlinks=os.name != "nt", with_pip=True)
    pins = ["-c", str(LISTS[1])]
    run(["pip", "install", "--no-input", "--no-compile", *pins, "uv"], ENVIRONMENT)
    install = ["uv", "pip", "install", "--python", str(PYTHON), "-r", str(LISTS[0]), *pins]
    run(install, {**settings_of_pip(), **ENVIRONMENT})
    STAMP.write_text(wanted)
    say("Done.")


def settings_of_pip() -> dict[str, str]:
    """Return pip's settings, from its files and the environment, as the variables of uv."""
    command = [str(PYTHON), "-m", "pip", "config", "list"]
    lines = subprocess.check_output(command, env=ENVIRONMENT, encoding="utf-8")
    found = dict(reversed(re.findall(r"([\w-]+)='(.*)'$", lines, re.MULTILINE)))  # environment last
    ours = {uv: found[name].replace("\\n", " ") for name, uv in SETTINGS.items() if name in found}
    # As pip does: trust the system's certificates, take the best version of all indexes.
    return {"UV_SYSTEM_CERTS": "1", "UV_INDEX_STRATEGY": "unsafe-best-match", **ours}


def run(words: list[str], environment: dict[str, str]) -> None:
    """Run a module in .venv; leave with one line if it fails."""
    options = {"capture_output": True, "encoding": "utf-8", "errors": "replace"}
    done = subprocess.run([str(PYTHON), "-m", *words], env=environment, **options)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines()]
        errors = [line for line in lines if line.lower().startswith(("error", "×"))]
        problem = [*errors, *lines, "no reason is printed"][0]
        how = "Check that the network and the package index answer, then type the same again."
        for built in re.findall("Failed to build `(.+)`", done.stderr):
            problem = f"{built} has no wheel for Python {VERSION} on {sysconfig.get_platform()}"
            how = "Start learn.py with Python 3.12, 3.13 or 3.14 (64-bit), or install a C compiler."
        sys.exit(f"{words[0]} cannot install what the course needs ({problem}). {how}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        say("Stopped. Type the same again to carry on.")
        sys.exit(130)
