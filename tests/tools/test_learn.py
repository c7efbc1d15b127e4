"""`learn.py`, typed as a person would type it: what it starts, what it prints, what it leaves."""

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner
from websockets.sync.client import connect

from course import cli
from course.chapters import CHAPTERS, ROOT, chapter
from course.compare import compare
from course.run import install
from course.run.serve import (
    PrivateRedis,
    ServeError,
    check_rabbitmq,
    check_redis,
    free_port,
    stop,
    wait_until,
)
from tests.helpers import CLI, POSIX, REDIS, environment, interruptible, one_line, typed

# The commands


def test_alone_it_names_every_chapter_and_what_to_type_next():
    result = typed(PYTHONIOENCODING="cp1252")  # as a pipe on Windows is, and yet there are arrows
    for each in CHAPTERS:
        assert each.folder.name in result.stdout
        assert f"→ {each.sees}" in result.stdout
    assert "learn.py run 1" in result.stdout
    assert result.returncode == 0


BAD_INPUT = {
    "run 99": "There is no step 99. The steps are 1 (views), 2",
    "run abc": "“abc” is not the number of a step. The steps are 1, 2",
    "run 3 --layer x": "There is no channel layer “x”. The layers are memory, redis",
    "run 2 --layer memory": "Step 2 has no channel layer: --layer is for the steps 3",
    "run 3 --port TAKEN": "Port TAKEN is taken by another program. Stop that one, or type: ",
    "run 3 --port TAKEN6": "Port TAKEN6 is taken by another program. Stop that one, or type: ",
    "run 3 --port 0": "Invalid value for '--port'",
    "run 3 --port 70000": "Invalid value for '--port'",
    "run 3 --port abc": "Invalid value for '--port'",
    "docs --port TAKEN": "Port TAKEN is taken by another program. Stop that one, or type: ",
    "test 99": "There is no step 99.",
    "diff 3 99": "There is no step 99.",
    "diff nowhere 3": "There is no folder nowhere here. Type a step's number or the path",
    "diff 2 docs": "The folder docs is no Django project: it has no manage.py.",
}


@pytest.mark.parametrize(("words", "says"), BAD_INPUT.items(), ids=BAD_INPUT)
def test_bad_input_gets_one_line_and_an_exit_status(words, says, monkeypatch):
    monkeypatch.chdir(ROOT)
    with socket.create_server(("127.0.0.1", 0)) as four, socket.socket(socket.AF_INET6) as six:
        taken = {"TAKEN6": "none", "TAKEN": str(four.getsockname()[1])}
        if socket.has_dualstack_ipv6():
            six.bind(("::1", 0))
            six.listen()
            taken["TAKEN6"] = str(six.getsockname()[1])
        elif "TAKEN6" in words:
            pytest.skip("this machine has no ::1")
        for name, port in taken.items():
            words, says = words.replace(name, port), says.replace(name, port)
        result = CliRunner().invoke(cli.app, words.split())
    assert says in result.output
    assert result.exit_code == (1 if "Port" in says else 2)
    if "Invalid value" not in says:  # which the library shows in a box
        assert result.output.startswith(says)
        assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("check", "url", "says"),
    [
        (check_redis, "redis://me:secret@127.0.0.1:1/0", "No Redis answers at {}. Start it"),
        (check_redis, "rdis://me:secret@127.0.0.1:1/0", "{} is not the address of a Redis"),
        (check_rabbitmq, "amqp://me:secret@127.0.0.1:1/x", "No RabbitMQ answers at {}. Start it"),
        (check_rabbitmq, "rabbit://me:secret@127.0.0.1:1/x", "{} is not the address of a Rabbit"),
    ],
)
def test_a_service_that_cannot_be_used_gets_one_line_without_its_password(check, url, says):
    with pytest.raises(ServeError) as error:
        check(url)
    variable = "REDIS_URL" if check is check_redis else "RABBITMQ_URL"
    shown = f"{url.replace('secret', '***')} ({variable})"
    assert str(error.value).startswith(says.format(shown))
    assert str(error.value).endswith(f", or unset {variable}.")


@pytest.mark.parametrize(
    ("words", "changes", "says"),
    [
        (["3"], {"REDIS_URL": "redis://127.0.0.1:1"}, "No Redis answers at redis://127.0.0.1:1 ("),
        (["4", "--layer", "redis"], {"PATH": "nowhere"}, "No redis-server is found, and REDIS_URL"),
        (["4", "--layer", "rabbitmq"], {}, "RABBITMQ_URL is not set. To have a RabbitMQ: “docker"),
    ],
)
def test_a_layer_that_is_not_there_is_not_replaced_by_another(words, changes, says):
    result = typed("run", *words, "--port", str(free_port()), **changes)
    assert one_line(result).startswith(says)
    assert result.returncode == 1


# run


@contextmanager
def running(*words: str, **changes: str) -> Iterator["Running"]:
    """Type `run`; on leaving, nothing of it stays, not even after a failure."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    port = str(free_port())
    command, it = [*CLI, "run", *words, "--port", port], Running(f"localhost:{port}")
    it.process = subprocess.Popen(
        command, cwd=ROOT, env=environment(**changes), preexec_fn=interruptible, **pipes
    )
    try:
        while f"http://{it.address}/chat/" not in it.printed:
            line = it.process.stdout.readline()
            assert line, f"it ended before it was ready:\n{it.printed}"
            it.printed += line
        it.family = psutil.Process(it.process.pid).children(recursive=True)
        yield it
    finally:
        stop(it.process)
        for member in it.family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        it.process.communicate()


class Running:
    """What `run` has started: its process and those below it, its address, what it has printed."""

    process: subprocess.Popen

    def __init__(self, address: str) -> None:
        self.address, self.printed = address, ""
        self.family: list[psutil.Process] = []

    def ends(self) -> int:
        """Wait until it has ended; return its exit status once nothing is left of it."""
        self.printed += self.process.communicate(timeout=20)[0]
        left = psutil.wait_procs(self.family, 5)[1]
        assert not [each for each in left if each.status() != psutil.STATUS_ZOMBIE]
        assert "Traceback" not in self.printed
        return self.process.returncode


def tabs_talk(it: Running) -> None:
    """Prove that what one socket sends comes to another one."""
    room, origin = f"ws://{it.address}/ws/chat/here/", f"http://{it.address}"
    with connect(room, origin=origin) as a, connect(room, origin=origin) as b:
        a.send('{"message": "hello"}')
        assert b.recv(timeout=10) == '{"message": "hello"}'


@POSIX
@REDIS
@pytest.mark.parametrize("words", [["3"], ["4", "--layer", "redis-pubsub"]], ids=" ".join)
def test_run_has_a_redis_of_its_own_and_ctrl_c_ends_all_of_it(words):
    with running(*words) as it:
        assert ": a Redis of its own, at redis://127.0.0.1:" in it.printed
        assert "redis-server" in [each.name() for each in it.family]
        settings = "layers.redis_pubsub" if "--layer" in words else "mysite.settings"
        assert f"using settings '{settings}'" in it.printed
        tabs_talk(it)
        it.process.send_signal(signal.SIGINT)
        assert it.ends() == 0
        assert "Stopped." in it.printed


@POSIX
@REDIS
def test_run_uses_the_redis_that_redis_url_names_and_leaves_it_running():
    redis = PrivateRedis()
    try:
        with running("3", REDIS_URL=redis.url) as it:
            assert f"Channel layer: the Redis at {redis.url} (REDIS_URL)." in it.printed
            assert len(it.family) == 2, "the server and its reloader, nothing else"
            it.process.send_signal(signal.SIGTERM)
            assert it.ends() == 128 + signal.SIGTERM
        check_redis(redis.url)
    finally:
        redis.stop()


@POSIX
def test_without_redis_run_says_that_the_layer_is_in_memory_and_when_its_server_dies():
    with running("3", PATH="nowhere") as it:
        assert "Channel layer: only for the tabs of this one process, in its memory." in it.printed
        tabs_talk(it)
        for each in reversed(it.family):
            each.kill()
        assert it.ends() == 128 + signal.SIGKILL
        assert "The server of step 3 has ended, with exit status 137." in it.printed


# diff


def test_diff_names_exactly_the_files_that_differ_and_is_plain_text_when_piped():
    result = typed("diff", "3", "4")
    files = compare(chapter(3).folder, chapter(4).folder)
    heads = [line for line in result.stdout.splitlines() if line.endswith(")") and line[0] != " "]
    assert heads == [f"{each.path} ({each.status})" for each in files if each.status != "same"]
    assert "+class ChatConsumer(AsyncWebsocketConsumer):" in result.stdout.splitlines()
    assert "\x1b" not in result.stdout
    assert (result.returncode, result.stderr) == (0, "")


def test_the_hunks_lead_from_the_old_file_to_the_new_one():
    for old, new in zip(CHAPTERS, CHAPTERS[1:], strict=False):
        for file in compare(old.folder, new.folder):
            for folder, gone in ((old.folder, "+"), (new.folder, "-")):
                hunks = [*file.hunks(context=10_000)]
                lines = [line.text for hunk in hunks for line in hunk if line.mark != gone]
                text = path.read_text() if (path := folder / file.path).exists() else ""
                assert lines == (text.splitlines() if hunks else []), path
                assert bool(hunks) == (file.status != "same" and not file.binary) or not text


def test_a_hunk_says_where_it_starts(tmp_path):
    for name, change in (("old", "x"), ("new", "y")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("\n".join([*"abcdef", change, *"ghi"]))
    [file] = compare(tmp_path / "old", tmp_path / "new")
    [hunk] = file.hunks(context=2)
    assert (hunk[0].old, hunk[0].new) == (5, 5)
    assert [line.mark + line.text for line in hunk] == [" e", " f", "-x", "+y", " g", " h"]


# test, and what it installs


def test_test_hands_arguments_and_exit_status_through_pytest():
    words = ["-n0", "--collect-only", "-q", "-p", "no:cacheprovider", "-k", "second_tab"]
    result = typed("test", "2", *words, SELENIUM_REMOTE_URL="http://not-asked")
    tests = [line for line in result.stdout.splitlines() if "::" in line]
    assert tests
    assert all("step2" in test and "second_tab" in test for test in tests)
    assert result.returncode == 0


@pytest.fixture
def bare_debian(tmp_path, monkeypatch) -> Path:
    """A root's PATH with nothing but an apt-get, which notes what it is asked and makes it."""
    script = f"""#!{sys.executable}
import os, pathlib, sys
here = pathlib.Path(__file__).parent
with open(here / "asked", "a") as asked:
    print(*sys.argv[1:], os.environ["DEBIAN_FRONTEND"], file=asked)
for name in sys.argv[sys.argv.index("-y") + 2:] if "-y" in sys.argv else []:
    (here / name.replace("um-d", "ed")).symlink_to("/bin/true")
"""
    (tmp_path / "apt-get").write_text(script)
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SELENIUM_REMOTE_URL", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(install, "system", lambda: "debian")
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


@POSIX
def test_on_debian_root_gets_installed_what_is_missing_and_only_once(bare_debian, capfd):
    install.prepare()
    update, packages = (bare_debian / "asked").read_text().splitlines()
    assert update.endswith(" update noninteractive")
    assert packages.endswith("-recommends chromium chromium-driver redis-server noninteractive")
    assert "Installing chromium, chromium-driver, redis-server with" in capfd.readouterr().out
    install.prepare()
    assert len((bare_debian / "asked").read_text().splitlines()) == 2
    assert capfd.readouterr().out == ""


@POSIX
def test_on_ubuntu_a_pointer_to_a_snap_is_no_browser(bare_debian, monkeypatch):
    monkeypatch.setattr(install, "system", lambda: "ubuntu")
    (bare_debian / "chromium-browser").symlink_to("/bin/false")
    with pytest.raises(install.InstallError, match="To have one: install Google Chrome"):
        install.prepare()
    assert "--no-install-recommends redis-server " in (bare_debian / "asked").read_text()


@POSIX
def test_without_root_nothing_is_installed_and_a_line_says_how(bare_debian, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(install.InstallError, match="sudo apt install chromium chromium-driver"):
        install.prepare()
    monkeypatch.setattr(install, "find_browser", lambda: "a browser")
    install.prepare()
    assert "counted as not run" in capsys.readouterr().out
    assert not (bare_debian / "asked").exists()


# learn.py: the .venv

# In place of uv: notes its arguments and settings, and lends .venv what these tests run with.
UV = """
import json, os, pathlib, sys, time
here = pathlib.Path(__file__)
with open(os.environ["ASKED"], "a") as asked:
    print(json.dumps([sys.argv[1:], dict(os.environ)]), file=asked)
time.sleep(float(os.environ["UV_TAKES"]))
here.with_name("course.pth").write_text(os.environ["LENT"])
"""


@pytest.fixture
def copy(tmp_path) -> Path:
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
    pip = "no-index = true\nindex-url = http://mirror.invalid/simple\ntrusted-host = mirror.invalid"
    (tmp_path / "pip.conf").write_text(f"[global]\n{pip}\n")
    return copy


def learn(copy: Path, *words: str, **changes: str) -> subprocess.CompletedProcess:
    return typed(
        *words, command=[sys.executable, str(copy / "learn.py")], **settings(copy, changes)
    )


def settings(copy: Path, changes: dict[str, str] = {}) -> dict[str, str]:
    paths = sysconfig.get_paths()
    return {
        "ASKED": str(copy.parent / "asked"),
        "LENT": f"{paths['purelib']}\n{paths['platlib']}\n",
        "PIP_CONFIG_FILE": str(copy.parent / "pip.conf"),
        "PIP_FIND_LINKS": str(copy.parent),
        "UV_TAKES": "0",
        **changes,
    }


@POSIX
def test_what_fails_at_a_first_start_is_one_line_and_the_next_one_begins_anew(copy):
    offline = learn(copy, PIP_FIND_LINKS="/nowhere")
    making, failed = offline.stderr.splitlines()
    assert making == "Making .venv, with what the course needs ..."
    assert failed.startswith("pip cannot install what the course needs (ERROR: ")
    assert "network" in failed
    assert offline.returncode == 1

    process = subprocess.Popen(
        [sys.executable, str(copy / "learn.py")],
        env=environment(**settings(copy, {"UV_TAKES": "60"})),
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        preexec_fn=interruptible,
    )
    wait_until((copy.parent / "asked").exists, "uv should be asked", 60)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal
    stopped = "Stopped. Type the same again to carry on."
    assert process.communicate(timeout=10)[1].splitlines() == [making, stopped]
    assert process.returncode == 130

    assert learn(copy).stderr.splitlines() == [making, "Done."]


@POSIX
def test_the_first_start_makes_venv_and_the_next_goes_straight_on(copy):
    (copy.parent / "typer.py").write_text("raise ImportError('astray')")
    first = learn(copy, PYTHONPATH=str(copy.parent))
    assert first.stderr.splitlines() == ["Making .venv, with what the course needs ...", "Done."]
    assert "step1_views" in first.stdout
    assert first.returncode == 0
    [words, variables] = json.loads((copy.parent / "asked").read_text())
    assert words[:2] == ["pip", "install"]
    assert variables["UV_DEFAULT_INDEX"] == "http://mirror.invalid/simple", "of pip.conf"
    assert variables["UV_INSECURE_HOST"] == "mirror.invalid"
    assert variables["UV_FIND_LINKS"] == str(copy.parent), "of the environment"

    assert learn(copy).stderr == ""
    assert learn(copy, "run", "99").returncode == 2, "the exit status comes through"
    for name in ("requirements.txt", "constraints.txt"):
        (copy / name).write_text("uv==1\n# changed\n")
        assert "has changed: bringing .venv up to date" in learn(copy).stderr
        assert learn(copy).stderr == ""
    (copy / ".venv/bin/python").unlink()
    (copy / ".venv/bin/python").symlink_to("/no/such/python")
    assert learn(copy).stderr.startswith("Making .venv, ")


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
