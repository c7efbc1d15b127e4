"""What the tests need beside Python: a browser with its driver, and Redis."""

import contextlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

# Where a browser is: commands on the PATH, applications of macOS, programs of Windows.
COMMANDS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "firefox")
MAC_APPS = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Firefox.app/Contents/MacOS/firefox",
)
WINDOWS_PROGRAMS = ("Google/Chrome/Application/chrome.exe", "Mozilla Firefox/firefox.exe")

# What a person types, or does, to have a browser and Redis.
APT_REDIS = "sudo apt install redis-server"
HOW = {
    "darwin": {"browser": "brew install --cask google-chrome", "redis": "brew install redis"},
    "win32": {"browser": "winget install Google.Chrome", "redis": "install it inside WSL"},
    "debian": {"browser": "sudo apt install chromium chromium-driver", "redis": APT_REDIS},
    # Ubuntu's own chromium and firefox packages are only pointers to snaps.
    "ubuntu": {"browser": "install Google Chrome from google.com/chrome", "redis": APT_REDIS},
    "linux": {"browser": "install the package of Chromium or Firefox", "redis": "install Redis"},
}


class InstallError(Exception):
    """Something that a person has to install; its text says how, in one line."""


def prepare() -> None:
    """Make sure of a browser and of Redis; on Debian and Ubuntu, as root, install what is missing.
    Raise InstallError if there is no browser then; if there is no Redis, only say so."""
    if shutil.which("apt-get") and os.geteuid() == 0 and (packages := missing_packages()):
        apt_install(packages)
    how = HOW[system()]
    if not (os.environ.get("SELENIUM_REMOTE_URL") or find_browser()):
        raise InstallError(
            f"No Chrome, Chromium or Firefox is found. To have one: {how['browser']}"
        )
    if not shutil.which("redis-server"):
        print("No redis-server is found: tests that need it are counted as not run (skipped).")
        print(f"To have it: {how['redis']}", flush=True)


def system() -> str:
    """Return which row of HOW is for this system."""
    names = [sys.platform]
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            release = platform.freedesktop_os_release()
            names = [release["ID"], *release.get("ID_LIKE", "").split()]
    return next((name for name in names if name in HOW), "linux")


def find_browser() -> str | None:
    """Return the path of a Chrome, Chromium or Firefox that runs, or None."""
    found = [path for name in COMMANDS if (path := shutil.which(name))]
    if sys.platform == "win32":
        folders = [os.environ.get(n) for n in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData")]
        found += [Path(folder, each) for each in WINDOWS_PROGRAMS for folder in folders if folder]
        return next((str(path) for path in found if Path(path).is_file()), None)
    if sys.platform == "darwin":
        for folder in (Path("/Applications"), Path.home() / "Applications"):
            found += [folder / each for each in MAC_APPS]
    return next((str(path) for path in found if _runs(path)), None)


def _runs(path: str | Path) -> bool:
    """Say whether it is more than a pointer to a snap that is not there."""
    try:
        command = [path, "--version"]
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def missing_packages() -> list[str]:
    """Return the packages that apt can give this system and that the tests need."""
    packages = []
    if system() != "ubuntu" and not os.environ.get("SELENIUM_REMOTE_URL"):
        browser = find_browser()
        if not browser:
            packages.append("chromium")
        if (not browser or "chromium" in browser) and not shutil.which("chromedriver"):
            packages.append("chromium-driver")
    if not shutil.which("redis-server"):
        packages.append("redis-server")
    return packages


def apt_install(packages: list[str]) -> None:
    """Install packages of Debian or Ubuntu; raise InstallError if that fails."""
    print(f"Installing {', '.join(packages)} with apt-get ...", flush=True)
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*apt, "update"], env=environment)  # old lists may do: the next line decides
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    if subprocess.run(install, env=environment).returncode:
        raise InstallError(f"apt-get cannot install {' '.join(packages)}: see what it says above.")
