"""`learn.py`, typed as a person would type it: what it starts, what it prints, what it leaves."""

import os
import re
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from course import cli
from course.chapters import CHAPTERS, ROOT, CourseError, chapter
from course.compare import compare
from course.run import install
from course.run.serve import (
    PrivateRedis,
    ServeError,
    Service,
    check_redis,
    free_port,
    launch,
    wait_until,
)
from tests.helpers import (
    CLI,
    POSIX,
    REDIS,
    environment,
    interruptible,
    one_line,
    tabs_talk,
    typed,
)

# The commands


def test_alone_it_names_every_chapter_and_what_to_type_next():
    result = typed(PYTHONIOENCODING="cp1252")  # as a pipe on Windows is, and yet there are arrows
    for each in CHAPTERS:
        assert each.folder.name in result.stdout
        assert f"→ {each.sees}" in result.stdout
    assert result.returncode == 0
    next_ = result.stdout.partition("Type next:\n")[2].splitlines()
    commands = [line.split("learn.py ")[1].split("  ")[0] for line in next_]
    assert {"run 1", "start 1 my_chat", "check 1 --dir my_chat", "mistake"} <= {*commands}
    names = {each.name or each.callback.__name__ for each in cli.app.registered_commands}
    assert {each.split()[0] for each in commands} <= {*names, "--help"}


TAKEN = "Port TAKEN is taken by another program. Stop that one, or type: "
BAD_INPUT = {
    "run 99": "There is no step 99. The steps are 1 (views), 2",
    "run abc": "There is no step abc. The steps are 1 (views), 2",
    "run 3 --layer x": "Invalid value for '--layer'",
    "run 2 --layer memory": "Step 2 has no channel layer, so leave out --layer.",
    "run 3 --port TAKEN": TAKEN,
    "docs --port TAKEN": TAKEN,
    "run 3 --port 0": "Invalid value for '--port'",
    "run 3 --port 70000": "Invalid value for '--port'",
    "run 3 --port abc": "Invalid value for '--port'",
    "test 99": "There is no step 99.",
    "diff 3 99": "There is no step 99.",
    "diff nowhere 3": "There is no folder nowhere here. Type a step's number or the path",
    "diff 2 docs": "The folder docs is no Django project: it has no manage.py.",
}


@pytest.mark.parametrize(("words", "says"), BAD_INPUT.items(), ids=BAD_INPUT)
def test_bad_input_gets_one_line_and_an_exit_status(words, says, monkeypatch):
    monkeypatch.chdir(ROOT)
    here = ("::1", 0) if socket.has_dualstack_ipv6() and "run" in words else ("127.0.0.1", 0)
    with socket.create_server(here, family=socket.getaddrinfo(*here)[0][0]) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(cli.app, words.replace("TAKEN", port).split())
    assert says.replace("TAKEN", port) in result.output
    assert result.exit_code == (1 if says == TAKEN else 2)
    assert len(result.output.splitlines()) == 1 or "Invalid value" in says  # in a box of typer


def test_a_redis_that_cannot_be_used_gets_one_line_without_its_password():
    for scheme, problem in (("redis", "Connection refused"), ("wrong", "redis://localhost")):
        with pytest.raises(ServeError) as error:
            check_redis(f"{scheme}://me:secret@127.0.0.1:1/0")
        (line,) = str(error.value).splitlines()
        assert line.startswith(f"The Redis at {scheme}://me:***@127.0.0.1:1/0 cannot be used: ")
        assert problem in line
        assert line.endswith(". Start it, or correct or unset REDIS_URL.")
        assert "secret" not in line
    with pytest.raises(ServeError, match=r"cannot be used: an address is written as redis://"):
        check_redis("redis://me:se/cret@127.0.0.1:1/0")  # to Python, "se" is a port


ABSENT = {
    "3": "The Redis at redis://127.0.0.1:1 cannot be used: ",
    "4 --layer redis": "No Redis is found, and REDIS_URL is not set. To have one: ",
    "4 --layer rabbitmq": "No RabbitMQ is found, and RABBITMQ_URL is not set. To have one: “docker",
}


@pytest.mark.parametrize(("words", "says"), ABSENT.items(), ids=ABSENT)
def test_a_layer_that_is_not_there_is_not_replaced_by_another(words, says):
    changes = {"REDIS_URL": "redis://127.0.0.1:1"} if words == "3" else {"PATH": "nowhere"}
    result = typed("run", *words.split(), "--port", str(free_port()), **changes)
    assert one_line(result).startswith(says)
    assert result.returncode == 1


# run


class Running(Service):
    """What `run` starts: its process and those below it, its address, what it prints."""

    def __init__(self, log: Path, *words: str, **changes: str) -> None:
        port = str(free_port())
        self.log, self.address = log, f"localhost:{port}"
        command, url = [*CLI, "run", *words, "--port", port], f"http://{self.address}/chat/"
        options = {"cwd": ROOT, "env": environment(**changes), "preexec_fn": interruptible}
        with log.open("wb") as out:
            options |= {"stdout": out, "stderr": out}
            ready = lambda: url in self.printed()  # noqa: E731
            self.process = launch(command, ready, self.printed, 60, **options)
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def ends(self) -> int:
        """Wait until it has ended; return its exit status once nothing is left of it."""
        self.process.wait(20)
        left = psutil.wait_procs(self.family, 5)[1]
        assert not [each for each in left if each.status() != psutil.STATUS_ZOMBIE]
        assert "Traceback" not in self.printed()
        return self.process.returncode


@POSIX
@REDIS
@pytest.mark.parametrize("words", [["3"], ["4", "--layer", "redis-pubsub"]], ids=" ".join)
def test_run_has_a_redis_of_its_own_and_ctrl_c_ends_all_of_it(words, tmp_path):
    with Running(tmp_path / "log", *words) as it:
        assert ": a Redis of its own, at redis://127.0.0.1:" in it.printed()
        assert "redis-server" in [each.name() for each in it.family]
        settings = "layers.redis_pubsub" if "--layer" in words else "mysite.settings"
        assert f"using settings '{settings}'" in it.printed()
        tabs_talk(f"http://{it.address}")
        it.process.send_signal(signal.SIGINT)
        assert it.ends() == 0
        assert "Stopped." in it.printed()


@POSIX
@REDIS
def test_run_uses_the_redis_that_redis_url_names_and_leaves_it_running(tmp_path):
    with PrivateRedis() as redis, Running(tmp_path / "log", "3", REDIS_URL=redis.url) as it:
        assert f"Channel layer: the Redis at {redis.url} (REDIS_URL)." in it.printed()
        assert len(it.family) == 2, "the server and its reloader, nothing else"
        it.process.send_signal(signal.SIGTERM)
        assert it.ends() == 128 + signal.SIGTERM
        check_redis(redis.url)


WITH_WORKER = next(each for each in CHAPTERS if "worker" in each.services)


@POSIX
@REDIS
def test_run_has_a_worker_beside_the_server_and_ctrl_c_ends_both(tmp_path):
    with Running(tmp_path / "log", str(WITH_WORKER.number), CHAT_DATA=str(tmp_path)) as it:
        assert "Worker: Celery, in a process of its own." in it.printed()
        assert [each for each in it.family if "worker" in each.cmdline()]
        wait_until(lambda: " ready." in it.printed(), it.printed, 60)
        it.family += psutil.Process(it.process.pid).children(recursive=True)
        it.process.send_signal(signal.SIGINT)
        assert it.ends() == 0


@POSIX
def test_without_redis_there_is_no_worker_and_run_says_so(tmp_path):
    changes = {"PATH": "nowhere", "CHAT_DATA": str(tmp_path)}
    with Running(tmp_path / "log", str(WITH_WORKER.number), **changes) as it:
        assert "Worker: none without Redis. The server does the jobs itself" in it.printed()
        assert not [each for each in it.family if "worker" in each.cmdline()]


@POSIX
def test_without_redis_run_says_that_the_layer_is_in_memory_and_when_its_server_dies(tmp_path):
    with Running(tmp_path / "log", "3", PATH="nowhere") as it:
        assert "layer: only for the tabs of this one process, in its memory." in it.printed()
        tabs_talk(f"http://{it.address}")
        for each in reversed(it.family):
            each.kill()
        assert it.ends() == 128 + signal.SIGKILL
        assert "The server of step 3 has ended, with exit status 137." in it.printed()


# diff


def test_diff_shows_every_change_and_is_plain_text_when_piped():
    result, changes = typed("diff", "3", "4"), []
    for file in compare(chapter(3).folder, chapter(4).folder):
        if file.status != "same":
            changes.append(f"{file.path} ({file.status})")
            changes += [line.mark + line.text for line in file.lines if line.mark != " "]
    lines = result.stdout.splitlines()
    assert [line for line in lines if re.match(r"[-+]|[^ @].* \(\w+\)$", line)] == changes
    assert "+class ChatConsumer(AsyncWebsocketConsumer):" in changes
    assert "\x1b" not in result.stdout
    assert (result.returncode, result.stderr) == (0, "")


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
    (here / {{"chromium-driver": "chromedriver"}}.get(name, name)).symlink_to("/bin/true")
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
def test_what_is_not_installed_is_named(bare_debian, monkeypatch, capsys):
    with monkeypatch.context() as ubuntu:
        ubuntu.setattr(install, "system", lambda: "ubuntu")
        (bare_debian / "chromium-browser").symlink_to("/bin/false")  # a pointer to a snap
        with pytest.raises(CourseError, match="To have one: install Google Chrome"):
            install.prepare()
    (bare_debian / "redis-server").unlink()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CourseError, match="sudo apt install chromium chromium-driver"):
        install.prepare()
    monkeypatch.setattr(install, "find_browser", lambda: "a browser")
    install.prepare()
    assert "To have it: sudo apt install redis-server" in capsys.readouterr().out
    assert "chromium" not in (bare_debian / "asked").read_text()
