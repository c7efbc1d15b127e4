"""What the tests need beside Python: a browser with its driver, and Redis."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

# The browsers that Selenium and course/browser.py can drive, where they are not on the PATH.
COMMANDS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "firefox")
MAC_APPS = ("Google Chrome", "Chromium", "Firefox")
WINDOWS_PROGRAMS = ("Google/Chrome/Application/chrome.exe", "Mozilla Firefox/firefox.exe")


class MissingError(Exception):
    """Something that a person has to install; its text says how."""


def prepare() -> None:
    """Make sure of a browser and of Redis: on Debian and Ubuntu, as root, install what is missing.
    Raise MissingError if there is no browser; without Redis, only say so."""
    if packages := missing_packages():
        if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
            apt_install(packages)
    if not os.environ.get("SELENIUM_REMOTE_URL") and not find_browser():
        raise MissingError(f"No browser found. {how('browser')}")
    if not shutil.which("redis-server"):
        print(f"No redis-server found: what needs it will be counted as not run. {how('redis')}")
