"""What learn.py does before there is a .venv: it takes seconds each time, so it is tried here."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from functools import partial
from pathlib import Path

import pytest

from course.chapters import ROOT
from course.run.serve import wait_until
from tests.helpers import POSIX, environment, interruptible, one_line, typed

# In place of uv: notes its arguments and settings, and lends .venv what these tests run with.
UV = """
import json, os, pathlib, sys, time
with open(os.environ["ASKED"], "a") as asked:
    print(json.dumps([sys.argv[1:], dict(os.environ)]), file=asked)
time.sleep(float(os.environ.get("UV_TAKES", "0")))
if "UV_PRINTS" in os.environ:
    sys.exit(os.environ["UV_PRINTS"])
pathlib.Path(__file__).with_name("course.pth").write_text(os.environ["LENT"])
"""
PIP = """[global]
no-index = true
index-url = http://mirror.invalid/simple
trusted-host = mirror.invalid
"""


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """A fresh copy of learn.py, whose lists name nothing but that uv."""
    copy = tmp_path / "copy of the course"
    copy.mkdir()
    shutil.copy(ROOT / "learn.py", copy)
    (copy / "course").symlink_to(ROOT / "course")
    for name in ("requirements.txt", "constraints.txt"):
        (copy / name).write_text("uv==1\n")
    with zipfile.ZipFile(tmp_path / "uv-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("uv.py", UV)
        wheel.writestr("uv-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 1\n")
        wheel.writestr("uv-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        wheel.writestr("uv-1.dist-info/RECORD", "")
    (tmp_path / "pip.conf").write_text(PIP)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("LENT", "\n".join(map(sysconfig.get_path, ("purelib", "platlib"))))
    return copy


@pytest.fixture
def learn(copy):
    return partial(typed, command=[sys.executable, str(copy / "learn.py")])


MAKING = "Making .venv, with what the course needs (10 s to a minute) ..."


@POSIX
def test_a_venv_that_ctrl_c_left_half_made_is_made_anew(copy, learn):
    terminal = {"start_new_session": True, "preexec_fn": interruptible}  # whose Ctrl-C is for all
    process = subprocess.Popen(
        learn.keywords["command"],
        env=environment(UV_TAKES="60"),
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **terminal,
    )
    asked = copy.parent / "asked"
    wait_until(asked.exists, "uv should be asked", 60)
    os.killpg(process.pid, signal.SIGINT)
    stopped = "Stopped. Type the same again to carry on."
    assert process.communicate(timeout=10)[1].splitlines() == [MAKING, stopped]
    assert process.returncode == 130
    offline = learn(PIP_FIND_LINKS="/nowhere")
    making, failed = offline.stderr.splitlines()
    assert making == MAKING
    assert failed.startswith("pip cannot install what the course needs (ERROR: ")
    assert "network" in failed
    assert offline.returncode == 1
    building = learn(UV_PRINTS="  × Failed to build `pyyaml==6.0.3`\n  ├─▶ it printed pages")
    making, failed = building.stderr.splitlines()
    assert failed.startswith("uv cannot install what the course needs (pyyaml==6.0.3 has no wheel")
    assert failed.endswith("or install a C compiler.")
    assert building.returncode == 1


@POSIX
def test_a_venv_is_made_at_the_first_start_and_brought_up_to_date(copy, learn):
    (copy.parent / "typer.py").write_text("raise ImportError('astray')")
    first = learn(PYTHONPATH=str(copy.parent))
    assert first.stderr.splitlines() == [MAKING, "Done."]
    assert "step1_views" in first.stdout
    [words, variables] = json.loads((copy.parent / "asked").read_text())
    assert words[:2] == ["pip", "install"]
    assert variables["UV_DEFAULT_INDEX"] == "http://mirror.invalid/simple", "of pip.conf"
    assert variables["UV_INSECURE_HOST"] == "mirror.invalid"
    assert variables["UV_FIND_LINKS"] == str(copy.parent), "of the environment"

    (copy / "constraints.txt").write_text("uv==1\n# changed\n")
    assert "has changed: bringing .venv up to date" in learn().stderr
    second = learn("run", "99")
    assert one_line(second).startswith("There is no step 99.")
    assert second.returncode == 2


def test_what_cannot_be_is_one_line(copy):
    source = (ROOT / "learn.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    run = "import runpy, sys; {}; runpy.run_path('learn.py', run_name='__main__')"
    cases = {
        "sys.version_info = (3, 8, 18)": "Python 3.11 or newer is needed, this is 3.8: install",
        "sys.modules['ensurepip'] = None": "This Python cannot make a .venv: its module ensurepip",
        "open('.venv', 'w')": f"{copy / '.venv'} cannot be made: ",
    }
    for case, says in cases.items():
        result = typed("-c", run.format(case), command=[sys.executable], cwd=copy)
        assert result.stderr.splitlines()[-1].startswith(says)
        assert "Traceback" not in result.stderr
        assert result.returncode == 1
