"""`learn.py check` as it is typed. (Every mistake and every correct solution is judged in
tests/slow.)"""

import re
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from course.chapters import chapter
from course.judge.check import rows
from course.judge.target import CheckError, site_at
from course.run.serve import Server, copy_project, free_port
from tests.helpers import POSIX, REDIS, one_line, started, typed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of step 2, to be broken."""
    return copy_project(chapter(2).folder, tmp_path / "my_chat")


def put(folder: Path, path: str, old: str, new: str) -> None:
    code = (folder / path).read_text("utf-8")
    assert code.count(old) == 1, old
    (folder / path).write_text(code.replace(old, new), "utf-8")


def test_a_row_that_fails_is_printed_with_all_that_helps(project: Path) -> None:
    put(project, "chat/routing.py", ".as_asgi()", "")
    result = typed("check", "2", "--dir", str(project), "--no-browser")
    assert result.returncode == 1
    printed = " ".join(result.stdout.split())
    for text in (
        "✔ choose a room and enter it",
        "✘ the page's socket opens expected A socket should open.",
        "seen The server answered its handshake with 500.",
        "terminal TypeError: object ChatConsumer can't be used in 'await' expression",
        "cause most likely: TypeError: object ChatConsumer can't be used in 'await' expression (no",
        "http://localhost:8100/troubleshooting/#no-as-asgi",
        "read http://localhost:8100/step2_sync_consumer/#the-consumer-one-instance-for-each-socket",
        "✘ a tab sees its own message (first: the page's socket opens)",
    ):
        assert text in printed
    line = result.stdout.splitlines()[-1]
    assert line.startswith("Step 2: 3 passed, 7 failed. Not run: 3 (slow: add --all).")


def test_what_is_not_run_is_counted_with_its_reason(project: Path) -> None:
    with Server(project, free_port(), log=project.parent / "log", reload=False) as server:
        result = typed("check", "2", "--url", server.url, "--all", "--no-browser")
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == (
        "Step 2: 9 passed, 0 failed. Not run: 2 (--no-browser), 2 (not with --url: it needs the "
        "project, to start and stop its server). Without their tabs: 6 (--no-browser)."
    )


def test_what_cannot_be_checked_gets_one_line() -> None:
    nobody = f"http://localhost:{free_port()}"
    redis = nobody.replace("http", "redis")
    for words, status, says in (
        ("--dir docs", 2, "The folder docs is no Django project: it has no manage.py."),
        ("--dir nowhere", 2, "There is no folder nowhere here."),
        ("", 2, "Type --dir and the folder of your project, or --url and an address."),
        (f"--dir step3_channel_layer --url {nobody}", 2, "Type --dir and the folder"),
        ("--dir step3_channel_layer", 1, f"The Redis at {redis} cannot be used: "),
        (f"--url {nobody}", 1, f"At {nobody}, nobody answers at this address. Start the server"),
    ):
        result = typed("check", "3", *words.split(), REDIS_URL=redis)
        assert one_line(result).startswith(says)
        assert result.returncode == status, words
    assert "http://localhost:8100/troubleshooting/" in one_line(result)
    for url in ("localhost:8000", "http://", "http://localhost:80000", "ws://a"):
        with pytest.raises(CheckError, match=f"“{url}” is no address of a site. Write it as http:"):
            site_at(url)


def test_a_project_that_does_not_start_gets_one_line(project: Path) -> None:
    put(project, "chat/views.py", "from django.http", "import chat.nothing\nfrom django.http")
    result = typed("check", "2", "--dir", str(project), "--no-browser")
    (line,) = result.stderr.splitlines()
    assert "start: ModuleNotFoundError: No module named 'chat.nothing'" in line
    assert result.returncode == 1


def test_after_a_server_has_ended_the_other_rows_are_judged(project: Path) -> None:
    put(project, "chat/consumers.py", "import json", "import json\nimport os")
    read = "message = read_message("
    put(project, "chat/consumers.py", read, f"os._exit(3)\n            {read}")
    result = typed("check", "2", "--dir", str(project), "--no-browser")
    assert "✘ a tab sees its own message" in result.stdout
    assert "The server has ended, with exit status 3." in result.stdout
    assert "✔ a page of another site" in result.stdout


@POSIX
@REDIS
def test_ctrl_c_ends_all_that_was_begun_and_changes_nothing(tmp_path: Path) -> None:
    project = copy_project(chapter(3).folder, tmp_path / "my_chat")
    put(project, "mysite/settings.py", "import os\n", "import os\n\nopen('data', 'w').close()\n")
    before = contents(project)
    with started("check", "3", "--all", "--dir", str(project)) as process:
        for line in process.stdout:
            if "its own message" in line:  # by now there are a server, Redis and a browser
                break
        family = psutil.Process(process.pid).children(recursive=True)
        names = ""
        for each in family:
            with suppress(psutil.NoSuchProcess):  # a browser's helpers come and go
                names += f" {each.name()}"
        assert re.search("redis.*chrom|chrom.*redis", names)
        process.send_signal(signal.SIGINT)
        printed = "".join(process.communicate(timeout=30))
    assert process.returncode == 130
    assert "Stopped." in printed
    assert "Traceback" not in printed
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert contents(project) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_chapter_is_judged_by_what_is_new_in_it_however_slow() -> None:
    for number, slow in ((3, []), (4, ["frozen_redis"]), (5, ["own_tests"])):
        now, later = rows(chapter(number))
        assert [row.id for row in now if row.slow] == slow
        assert "idle" in [row.id for row in later]
        assert rows(chapter(number), everything=True)[1] == []
