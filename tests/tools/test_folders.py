"""Folders of the learner's own: begun by `start`, broken by `mistake`, read by `diff`."""

import os
import re
import shlex
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from course.chapters import CHAPTERS, ROOT, chapter, is_migration, predecessor, provided
from course.compare import compare
from course.judge import folders, mistakes
from course.run.serve import copy_project
from tests.helpers import one_line, typed

MISTAKES = mistakes.load()
LEFTOVERS = ("__pycache__/x.pyc", "chat/__pycache__/x.pyc", ".pytest_cache/x", ".DS_Store")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The folder of a course, where commands are typed, with what runs leave in its steps."""
    course = tmp_path / "the course"
    for folder in (ROOT / "course", *(each.folder for each in CHAPTERS)):
        copy_project(folder, course / folder.name)
    for step in CHAPTERS:
        for name in LEFTOVERS:
            write(course / step.folder.name / name, "left over")
    return course


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def learn(course: Path, words: str, cwd: Path | None = None):
    return typed(*shlex.split(words), cwd=cwd or course, PYTHONPATH=str(course))


def everything(folder: Path) -> dict[str, bytes | None]:
    """Return all that is there: the path of each file, with its content, and of each folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def differences(old: Path | None, new: Path) -> dict[str, str]:
    return {each.path: each.status for each in compare(old, new) if each.status != "same"}


def test_a_folder_begins_with_the_step_before_and_what_is_new_and_provided(tmp_path: Path) -> None:
    for step in CHAPTERS:
        folders.make(tmp_path / step.name, partial(folders.fill_to_begin, step))
        to_type = differences(predecessor(step), step.folder).items()
        expected = {
            path: status
            for path, status in to_type
            if status != "new" or not provided(path) or is_migration(path)
        }
        expected["README.md"] = "new"  # it is about the step's own folder
        assert differences(tmp_path / step.name, step.folder) == expected


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_start_prints_can_be_typed_in_the_folder_of_the_course(course, elsewhere):
    here = course.parent if elsewhere else course
    printed = learn(course, 'start 3 "my work/it\'s my chat"', here).stdout.splitlines()
    assert printed[0] == "it's my chat is the end of step 2, for you to make step 3 of it."
    assert "http://localhost:8100/step3_channel_layer/" in printed[2]
    assert f"To run it, in the folder of the course{f', {course}' * elsewhere}:" in printed
    lines = [shlex.split(line) for line in printed if line.startswith("  ")]
    activate, go, run, check, diff = lines
    assert activate[-1].startswith(".venv")
    assert run == ["python", "manage.py", "runserver"]
    assert check[1:6] == ["learn.py", "check", "3", "--dir", go[1]]
    to_do = learn(course, shlex.join(diff[2:5])).stdout
    assert "Still to do: 0 files to write, 3 to change" in to_do
    mine = {path.name for path in (course / go[1]).rglob("*")}
    assert not mine & {Path(name).name for name in LEFTOVERS}


def test_what_is_there_is_never_touched(course: Path) -> None:
    write(course / "full/notes.txt", "mine")
    write(course / "file", "mine")
    before = everything(course)
    for words, says, status in (
        ("start 3 full", "There is something in full already", 2),
        ("start 3 file", "file cannot be made: ", 1),
        ("start 3 step1_views/chat/my_chat", "step1_views is the course's own", 2),
        ("start 99 my_chat", "There is no step 99", 2),
        ("mistake missing-await .", "There is something in . already", 2),
        ("mistake mising-await x", "There is no mistake “mising-await”.", 2),
        ("mistake missing-await", "Name a folder for the copy: ", 2),
        ("mistake port-taken x", "port-taken is not in the code, so there is no copy.", 2),
    ):
        result = learn(course, words)
        assert one_line(result).startswith(says)
        assert (result.returncode, everything(course)) == (status, before), words


def test_an_empty_folder_is_filled_and_stays_the_same_folder(course: Path) -> None:
    (course / "my_chat").mkdir()
    before = (course / "my_chat").stat().st_ino  # a terminal may be in it
    result = learn(course, "start 1 .", course / "my_chat")
    assert result.stdout.startswith("my_chat is a project skeleton")
    assert (course / "my_chat").stat().st_ino == before
    assert sorted(os.listdir(course / "my_chat")) == ["chat", "manage.py", "mysite"]


def test_mistake_lists_them_all(course: Path) -> None:
    *printed, last = learn(course, "mistake --list").stdout.splitlines()
    rows = [line.split()[0] for line in printed if line.startswith("  ")]
    assert rows == [each.id for each in MISTAKES]
    not_in_code = [line.split()[0] for line in printed if line.endswith("(not in the code)")]
    assert not_in_code == [each.id for each in MISTAKES if not each.patch]
    found = next(each for each in MISTAKES if each.patch)
    assert last.endswith(f"learn.py mistake {found.id} my_copy")


def test_a_broken_copy_differs_from_its_step_in_the_mistake(tmp_path: Path) -> None:
    for each in MISTAKES:
        if each.patch:
            folders.make(tmp_path / each.id, partial(folders.fill_with_mistake, each))
            changed = {patch.file: "changed" for patch in each.patch}
            step = chapter(each.step).folder
            assert differences(step, tmp_path / each.id) == {"README.md": "removed", **changed}


def test_mistake_makes_a_copy_and_gives_nothing_away(course: Path) -> None:
    mistake = mistakes.get("missing-await")
    printed = learn(course, f"mistake {mistake.id} 'my copy'").stdout.splitlines()
    assert differences(course / "my copy", chapter(4).folder) == {
        "README.md": "new",
        "chat/consumers.py": "changed",
    }
    assert printed[0] == "my copy is step 4 with a mistake in it: find it."
    assert printed[2] == " ".join(mistake.when.split())
    lines = [shlex.split(line) for line in printed if line.startswith("  ")]
    assert lines[1:3] == [["cd", "my copy"], shlex.split(mistake.servers[0])]
    assert lines[3][1:6] == ["learn.py", "check", "4", "--dir", "my copy"]
    assert "http://localhost:8100/troubleshooting/#missing-await " in printed[-1]
    for secret in (mistake.cause, mistake.fix):
        assert " ".join(secret.split())[:50] not in " ".join(printed)


def test_without_a_name_any_mistake_is_made_and_not_named(course: Path) -> None:
    (course / "practice1").mkdir()
    printed = learn(course, "mistake").stdout
    step = chapter(int(re.match(r"practice2 is step (\d+) with a mistake", printed)[1])).folder
    made = {path: what for path, what in differences(step, course / "practice2").items()}
    assert made.pop("README.md") == "removed"
    assert {*made.values()} == {"changed"}
    for each in MISTAKES:
        assert each.id not in printed
        assert each.title not in printed


def test_a_stale_entry_is_one_error_for_whoever_uses_it(course: Path) -> None:
    stale, patch = "missing-await", mistakes.get("missing-await").patch[0]
    file = course / chapter(4).folder.name / patch.file
    write(file, file.read_text("utf-8").replace(patch.old, "reworded"))
    assert learn(course, "mistake --list").returncode == 0
    assert learn(course, "mistake orm-in-async my_chat").returncode == 0
    refused = one_line(learn(course, f"mistake {stale} my_copy"))
    assert f": mistakes.toml, {stale}: step4_async/{patch.file} has this 0 times" in refused


def test_the_commands_of_a_mistake_are_told_by_terminal() -> None:
    mistake = mistakes.get("port-taken")
    for does, servers, first, others in (
        (["A opens lobby"], ["serve"], ["serve"], []),
        (["A opens lobby", "B opens lobby"], ["serve", "serve 2"], ["serve"], ["serve 2"]),
        (["runs pytest"], [], ["pytest"], []),
        (["runs migrate", "A opens lobby"], ["serve"], ["migrate", "serve"], []),
        (["A opens lobby", "runs redis-cli"], ["serve"], ["serve"], ["redis-cli"]),
    ):
        assert folders.typed(replace(mistake, does=does, servers=servers)) == (first, others)


@pytest.fixture
def mine(course: Path) -> Path:
    """A learner's folder: the end of step 3, as `start` makes it."""
    mine = copy_project(chapter(3).folder, course / "my_chat")
    (mine / "README.md").unlink()
    return mine


@pytest.mark.parametrize("words", ["my_chat 3", "step3_channel_layer my_chat/"])
def test_diff_reads_as_what_is_still_to_do(course: Path, mine: Path, words: str) -> None:
    (mine / "chat/urls.py").unlink()
    (mine / "chat/__init__.py").unlink()
    views = mine / "chat/views.py"
    views.write_bytes(views.read_bytes().replace(b"\n", b"\r\n"))  # as Windows ends lines
    write(mine / "mysite/asgi.py", "text\0")
    settings = mine / "mysite/settings.py"
    write(settings, settings.read_text("utf-8").replace("DEBUG = ", "DEBUGS = "))
    for name in ("notes.txt", "chat/tests/a.py", "chat/tests/b.py", "README.md"):
        write(mine / name, "a secret of mine\n")
    for name in ("chat/__pycache__/mine.pyc", ".venv/bin/x", ".git/HEAD", "db.sqlite3"):
        write(mine / name, "no file of the chat")
    result = learn(course, f"diff {words}")
    urls = (chapter(3).folder / "chat/urls.py").read_text("utf-8").splitlines()
    printed = result.stdout.splitlines()
    assert [line for line in printed if line.endswith(")") and line[0] not in "+- "] == [
        "chat/__init__.py (to write, empty)",
        "chat/urls.py (to write)",
        "mysite/asgi.py (to change, not a text)",
        "mysite/settings.py (to change)",
    ]
    assert {f"+{line}" for line in urls} <= {*printed}
    changes = [line[:8] for line in printed if "DEBUG" in line and line[0] in "+-"]
    assert changes == ["-DEBUGS ", "+DEBUG ="]
    assert "secret" not in result.stdout
    assert "Only in my_chat: chat/tests/a.py, chat/tests/b.py, notes.txt" in printed
    assert printed[-2].startswith("Different is not wrong: “")
    assert "learn.py check 3 --dir my_chat" in printed[-2]
    assert printed[-1] == (
        f"Still to do: 2 files to write, 2 to change: {len(urls) + 1} lines to add (+), "
        "1 to take away (-)."
    )
    assert result.returncode == 0


def test_diff_says_when_nothing_is_left(course: Path, mine: Path) -> None:
    done = one_line(learn(course, "diff . 3", mine))
    assert done == "Nothing is left to do: every line of step 3 is there."
