"""What the tests need beside Python: a browser with its driver, and Redis."""

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from course.chapters import CourseError

DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def prepare() -> None:
    """Make sure of a browser and of Redis; on Debian and Ubuntu, as root, install what is missing.
    Raise CourseError if there is no browser then; if there is no Redis, only say so."""
    if shutil.which("apt-get") and os.geteuid() == 0 and (packages := missing_packages()):
        apt_install(packages)
    if not (os.environ.get("SELENIUM_REMOTE_URL") or find_browser()):
        raise CourseError(f"No Chrome, Chromium or Firefox is found. To have one: {how('browser')}")
    if not shutil.which("redis-server"):
        print("No redis-server is found: tests that need it are counted as not run (skipped).")
        print(f"To have it: {how('redis')}", flush=True)


def how(what: str) -> str:
    """Return how a person gets a "browser", "redis" or "rabbitmq" on this system."""
    return {**DATA["how"]["linux"], **DATA["how"][system()]}[what]


def system() -> str:
    """Return which table of install.toml is for this system."""
    names = [sys.platform]
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            release = platform.freedesktop_os_release()
            names = [release["ID"], *release.get("ID_LIKE", "").split()]
    return next((name for name in names if name in DATA["how"]), "linux")


def find_browser() -> str | None:
    """Return the path of a Chrome, Chromium or Firefox that runs, or None."""
    found = (shutil.which(os.path.expandvars(path)) for path in DATA["browsers"])
    return next((path for path in found if path and _runs(path)), None)


def _runs(path: str) -> bool:
    """Return whether it is more than a pointer to a snap that is not there."""
    if sys.platform == "win32":
        return True  # asked for its version, it would open a window
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run([path, "--version"], capture_output=True, timeout=30).returncode == 0
    return False


def missing_packages() -> list[str]:
    """Return the packages that apt can give this system and that the tests need."""
    browser, packages = find_browser(), []
    if system() != "ubuntu" and not os.environ.get("SELENIUM_REMOTE_URL"):
        if not browser:
            packages.append("chromium")
        if (not browser or "chromium" in browser) and not shutil.which("chromedriver"):
            packages.append("chromium-driver")
    return packages if shutil.which("redis-server") else [*packages, "redis-server"]


def apt_install(packages: list[str]) -> None:
    """Install packages of Debian or Ubuntu; raise CourseError if that fails."""
    print(f"Installing {', '.join(packages)} with apt-get ...", flush=True)
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*apt, "update"], env=environment)  # old lists may do: the next line decides
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    if subprocess.run(install, env=environment).returncode:
        raise CourseError(f"apt-get cannot install {' '.join(packages)}: see what it says above.")
