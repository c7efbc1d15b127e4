"""Nobody needs a compiler: all that the course installs has a wheel for each system and Python."""

import subprocess
from pathlib import Path

import pytest

from course.chapters import ROOT
from learn import ENVIRONMENT, PYTHON, settings_of_pip

SYSTEMS = {
    "Linux on x86-64": "x86_64-manylinux_2_28",
    "Linux on ARM": "aarch64-manylinux_2_28",
    "macOS 11 on Intel": "x86_64-apple-darwin",
    "macOS 11 on ARM": "aarch64-apple-darwin",
    "Windows on x86-64": "x86_64-pc-windows-msvc",
    "Windows on ARM": "aarch64-pc-windows-msvc",
}
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
MISSING = {("Windows on ARM", "3.11"): "pyyaml==6.0.3 has no"}  # learn.py asks for a newer Python
LISTS = ["-r", "requirements.txt", "-c", "constraints.txt"]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_everything_has_a_wheel(system: str, python: str, tmp_path: Path) -> None:
    where = ["--target", str(tmp_path), "--python-platform", SYSTEMS[system]]
    where += ["--python-version", python]
    install = [str(PYTHON), "-m", "uv", "pip", "install", "--dry-run", "--only-binary", ":all:"]
    oldest = {"MACOSX_DEPLOYMENT_TARGET": "11.0"}
    done = subprocess.run(
        [*install, "--python", str(PYTHON), *where, *LISTS],
        cwd=ROOT,
        env=settings_of_pip() | ENVIRONMENT | oldest,
        capture_output=True,
        encoding="utf-8",
    )
    if wanted := MISSING.get((system, python)):
        assert wanted in done.stderr
    else:
        assert done.returncode == 0, done.stderr
