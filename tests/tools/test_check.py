"""`learn.py check`: what is right passes, whatever it looks like; what is wrong is named."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from course import matrix
from course.chapters import CHAPTERS, ROOT, Chapter, chapter
from course.judge import mistakes
from course.judge.check import Check, CheckError, Site, Verdict, likely, rows
from course.judge.folders import fill_with_mistake
from course.judge.mistakes import Mistake
from course.judge.scenarios.own_tests import own_tests_hold
from course.matrix import Behaviour
from course.run.serve import Server, free_port
from tests.helpers import CLI, REDIS, environment, one_line, typed

SOLUTIONS = sorted(each for each in (ROOT / "tests/solutions").glob("step*/*") if each.is_dir())
LEFTOVERS = shutil.ignore_patterns("__pycache__", ".*_cache")


@pytest.fixture
def begun(browser: Callable[[], WebDriver]) -> Iterator[Callable[..., Check]]:
    """Begins checks of projects; in the end all of them end."""
    with ExitStack() as own:

        def begin(folder: Path, chapter: Chapter, tabs: bool = True) -> Check:
            site = Site(folder.name, folder, "", None)
            return own.enter_context(Check(site, chapter, browser if tabs else None))

        yield begin


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is right may take its time on a busy machine: only a failure waits that long."""
    monkeypatch.setattr("course.judge.check.PATIENCE", 20)


def played(check: Check, judged: Sequence[Behaviour]) -> dict[str, Verdict]:
    return {row.id: check.verdict(row) for row in judged}


def played_twice(check: Check, judged: Sequence[Behaviour]) -> dict[str, Verdict]:
    """Play rows, and those that do not hold a second time: the core layer of Channels can lose a
    message in the moment in which a tab leaves, so the best of chats may fail a row by chance."""
    verdicts = played(check, judged)
    check.failed.clear()
    return verdicts | played(check, [row for row in judged if verdicts[row.id].holds is False])


def not_held(verdicts: dict[str, Verdict]) -> dict[str, str]:
    """Return what was expected and seen of the rows that do not hold."""
    failed = {name: each for name, each in verdicts.items() if each.holds is False}
    return {name: f"{each.expected}; {each.seen} {each.reason}" for name, each in failed.items()}


def of(chapters: Sequence[Chapter]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("chapter", chapters, ids=lambda each: f"step{each.number}")


# What is right


@REDIS
@pytest.mark.usefixtures("patient")
@of(CHAPTERS)
def test_the_end_of_a_chapter_passes_its_own_check(
    chapter: Chapter, begun: Callable[..., Check]
) -> None:
    check = begun(chapter.folder, chapter)
    # Nearly all that is slow is the same in every chapter, and the last one has all of it.
    verdicts = played_twice(check, rows(chapter, everything=chapter == CHAPTERS[-1])[0])
    assert not_held(verdicts) == {}
    assert [each.reason for each in verdicts.values() if each.holds is None] == []
    assert check.noticed() == []


@REDIS
@pytest.mark.parametrize(
    ("before", "chapter"), list(pairwise(CHAPTERS)), ids=lambda each: f"step{each.number}"
)
def test_the_end_of_a_chapter_fails_the_next_check_in_the_rows_of_the_matrix(
    before: Chapter, chapter: Chapter, begun: Callable[..., Check]
) -> None:
    expected = {row.id for row in matrix.load() if row.first() == chapter}
    assert expected
    judged = [
        row for row in rows(chapter, everything=True)[0] if not row.slow or row.id in expected
    ]
    verdicts = played(begun(before.folder, chapter), judged)
    assert set(not_held(verdicts)) == expected
    assert all(each.holds for name, each in verdicts.items() if name not in expected)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("chapter", "overlay"),
    [
        pytest.param(chapter(int(each.parent.name[4:])), each, id=f"{each.parent.name}-{each.name}")
        for each in SOLUTIONS
    ],
)
def test_another_solution_passes(
    chapter: Chapter, overlay: Path, begun: Callable[..., Check], tmp_path: Path
) -> None:
    folder = shutil.copytree(chapter.folder, tmp_path / "my_chat", ignore=LEFTOVERS)
    without = overlay / "without.txt"
    for path in without.read_text("utf-8").split() if without.is_file() else []:
        (folder / path).unlink()
    shutil.copytree(overlay, folder, dirs_exist_ok=True, ignore=LEFTOVERS)
    pages = chapter == CHAPTERS[0] or any(overlay.rglob("*.html")) or any(overlay.rglob("*.js"))
    now, later = rows(chapter)
    own = next(row for row in matrix.load() if row.id == "own_tests")
    judged = [row for row in now if row != own]
    check = begun(folder, chapter, tabs=pages)
    verdicts = played_twice(check, judged)
    if chapter.services and not_held(verdicts) == {}:
        check.browser = None  # what is slow: as far as a bare socket shows it
        verdicts |= played_twice(check, [row for row in later if own.mark(chapter) != "✔"])
    if own.first() == chapter:
        own_tests_hold(folder)
    assert not_held(verdicts) == {}
    assert check.noticed() == []


def test_each_chapter_has_three_other_solutions() -> None:
    for each in CHAPTERS:
        found = [path for path in SOLUTIONS if path.parent.name == f"step{each.number}"]
        assert len(found) >= 3, each


@pytest.mark.parametrize(
    ("number", "slow"),
    [(3, []), (4, ["frozen_redis"]), (5, ["own_tests"]), (6, ["burst", "stalled_tab"])],
)
def test_a_chapter_is_judged_by_what_is_new_in_it_however_slow(number: int, slow: list) -> None:
    now, later = rows(chapter(number))
    assert [row.id for row in now if row.slow] == slow
    assert "idle" in [row.id for row in later]
    assert rows(chapter(number), everything=True)[1] == []


# What is wrong


def diagnosed(mistake: Mistake, folder: Path, begun: Callable[..., Check]) -> list[list[str]]:
    """Check a folder; return, for each thing that is wrong, the mistakes that it points to."""
    step = chapter(mistake.step)
    tabs = mistake.check.symptom in ("page only", "own tests", "tls")
    judged = rows(step, everything=True)[0]
    names = [row.id for row in judged]
    if mistake.check.row:  # nothing that comes after it is needed
        judged = judged[: names.index(mistake.check.row) + 1]
    judged = [row for row in judged if not row.slow or row.id == mistake.check.row]
    if mistake.check.symptom == "own tests":
        judged = judged[-1:]
    try:
        check = begun(folder, step, tabs)
        found = [each.causes for each in played(check, judged).values()]
        found += [causes for _, causes in check.noticed()]
    except CheckError as error:
        found = [error.causes]
    return [[each.id for each in causes] for causes in found if causes]


@REDIS
@pytest.mark.parametrize(
    ("chapter", "mistake"),
    [
        pytest.param(chapter(each.step), each, id=each.id)
        for each in mistakes.load()
        if each.patch and each.check.symptom
    ],
)
def test_a_mistake_is_named(
    chapter: Chapter,
    mistake: Mistake,
    begun: Callable[..., Check],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr("course.judge.check.PATIENCE", 4)  # longer than a call that blocks, for 2 s
    folder = tmp_path / "my_copy"
    fill_with_mistake(mistake, folder)
    found = diagnosed(mistake, folder, begun)
    record_property("named", found)
    assert found
    assert all(causes == [mistake.id] for causes in found), found


@pytest.mark.parametrize(
    "mistake", [each for each in mistakes.load() if each.check.symptom], ids=lambda each: each.id
)
def test_a_mistake_is_on_a_short_list_where_nothing_gives_it_away(mistake: Mistake) -> None:
    """As with --url: what the terminal of the server says is then not to be had."""
    row, symptom = mistake.check.row, mistake.check.symptom
    found, known = likely(row, chapter(mistake.step), "", symptom)
    assert mistake in found
    assert not known


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of step 2, to be broken."""
    return shutil.copytree(chapter(2).folder, tmp_path / "my_chat", ignore=LEFTOVERS)


def put(folder: Path, path: str, old: str, new: str) -> None:
    file = folder / path
    code = file.read_text("utf-8")
    assert code.count(old) == 1, old
    file.write_text(code.replace(old, new), "utf-8")


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return the only line of what went wrong."""
    (line,) = result.stderr.splitlines()
    return line


def test_a_row_that_does_not_hold_is_told_with_all_that_helps(project: Path) -> None:
    put(project, "chat/routing.py", ".as_asgi()", "")
    result = typed("check", "2", "--dir", str(project), "--no-browser")
    assert result.returncode == 1
    told = " ".join(result.stdout.split())
    for text in (
        "✔ choose a room and enter it",
        "✘ the page's socket opens expected A socket should open.",
        "seen The server answered its handshake with 500.",
        "cause object ChatConsumer can't be used in 'await' expression (no-as-asgi)",
        "docs/troubleshooting.md#no-as-asgi",
        "read docs/step2_sync_consumer.md#from-a-request-to-a-socket",
        "✘ a tab sees its own message (first: the page's socket opens)",
    ):
        assert text in told
    line = result.stdout.splitlines()[-1]
    assert line.startswith("Step 2: 2 rows hold, 6 do not. Not run: 2 (slow: --all plays them).")


def test_without_a_number_it_says_how_far_the_chat_has_come(project: Path) -> None:
    result = typed("check", "--dir", str(project), "--no-browser")
    assert result.returncode == 1
    assert "The chat is at the end of step 2." in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Step 3: 7 rows hold, 2 do not.")


def test_what_is_not_run_is_counted_with_its_reason(project: Path) -> None:
    with Server(project, free_port(), log=project.parent / "log") as server:
        result = typed("check", "2", "--url", server.url, "--all", "--no-browser")
    assert result.returncode == 0
    line = result.stdout.splitlines()[-1]
    assert line == (
        "Step 2: 8 rows hold, 0 do not. Not run: 1 (--no-browser), 1 (not with --url: it needs the "
        "project, to start and stop its server). Without their tabs: 6 (--no-browser)."
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--dir", "docs"], "The folder docs is no Django project: it has no manage.py."),
        (["--dir", "nowhere"], "There is no folder nowhere here."),
        ([], "Which project? There is no manage.py here. Name its folder: "),
        (["--dir", "step3_channel_layer", "--url", "http://localhost"], "Type --dir or --url,"),
    ],
    ids=["no project", "no folder", "nothing", "both"],
)
def test_what_cannot_be_checked_gets_one_line(words: list[str], says: str) -> None:
    result = typed("check", "3", *words)
    assert one_line(result).startswith(says)
    assert result.returncode == 2


def test_a_redis_that_is_down_gets_one_line() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    result = typed("check", "3", "--dir", "step3_channel_layer", REDIS_URL=url)
    assert one_line(result).startswith(f"No Redis answers at {url} (REDIS_URL).")
    assert result.returncode == 1


@pytest.mark.parametrize("url", ["localhost:8000", "http://", "http://localhost:80000", "ws://a"])
def test_what_is_no_address_gets_one_line(url: str) -> None:
    result = typed("check", "3", "--url", url)
    assert one_line(result) == f"“{url}” is no address of a site. Write it as http://localhost:8000"
    assert result.returncode == 1


def test_an_address_that_nobody_answers_gets_one_line_with_the_likely_mistakes() -> None:
    url = f"http://localhost:{free_port()}"
    line = one_line(typed("check", "3", "--url", url))
    assert line.startswith(f"At {url}, nobody answers at this address. Start the server there")
    for name in ("venv-not-active", "port-taken"):
        assert f"docs/troubleshooting.md#{name}" in line


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("no_such_package.models", "-m pip install no_such_package"),
        ("chat.no_such_module", "does not start: ModuleNotFoundError: No module named 'chat.no_"),
    ],
)
def test_a_project_that_does_not_start_gets_one_line(project: Path, module: str, says: str) -> None:
    put(project, "chat/views.py", "from django.http", f"import {module}\nfrom django.http")
    result = typed("check", "2", "--dir", str(project), "--no-browser")
    assert says in last_line(result)
    assert "Traceback" not in result.stdout + result.stderr
    assert result.returncode == 1


def end_at_the_first_message(project: Path) -> None:
    file, read = "chat/consumers.py", "message = read_message("
    put(project, file, "import json", "import json\nimport os")
    put(project, file, read, f"os._exit(3)\n            {read}")


def test_a_server_that_ends_half_way_gets_one_line(project: Path) -> None:
    end_at_the_first_message(project)
    result = typed("check", "2", "--dir", str(project), "--no-browser")
    assert last_line(result).startswith(
        "The server of my_chat has ended while “a tab sees its own message” was played, with exit "
        "status 3"
    )
    assert "✔ the page's socket opens" in result.stdout
    assert result.returncode == 1


def test_a_site_that_goes_away_half_way_gets_one_line(project: Path) -> None:
    end_at_the_first_message(project)
    with Server(project, free_port(), log=project.parent / "log", reload=False) as server:
        result = typed("check", "2", "--url", server.url, "--no-browser")
    assert last_line(result).startswith(f"At {server.url} nobody answers any more")
    assert result.returncode == 1


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
@REDIS
def test_ctrl_c_ends_all_that_was_begun_and_changes_nothing(tmp_path: Path) -> None:
    project = shutil.copytree(chapter(3).folder, tmp_path / "my_chat", ignore=LEFTOVERS)
    put(project, "mysite/settings.py", "import os\n", "import os\n\nopen('data', 'w').close()\n")
    before = contents(project)
    process = subprocess.Popen(
        [*CLI, "check", "3", "--all", "--dir", str(project)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        cwd=ROOT,
    )
    for line in process.stdout:
        if "its own message" in line:  # by now there are a server, Redis and a browser
            break
    family = psutil.Process(process.pid).children(recursive=True)
    names = " ".join(each.name() for each in family)
    assert "redis" in names
    assert "chrom" in names
    process.send_signal(signal.SIGINT)
    printed = process.stdout.read()
    assert process.wait(timeout=30) == 130
    assert "Stopped." in printed
    assert "Traceback" not in printed
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert contents(project) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
