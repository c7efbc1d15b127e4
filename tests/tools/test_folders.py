"""Folders of the learner's own: begun by `start`, broken by `mistake`, read by `diff`."""

import os
import shlex
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
import typer

from course import cli
from course.chapters import CHAPTERS, PROVIDED, ROOT, Chapter, chapter
from course.compare import compare
from course.judge import folders, mistakes
from tests.helpers import POSIX, one_line, typed

MISTAKES = mistakes.load()
LEFTOVERS = ("__pycache__/x.pyc", "chat/__pycache__/x.pyc", ".pytest_cache/x", ".DS_Store")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The folder of a course, where commands are typed, with what runs leave in its steps."""
    course = tmp_path / "the course"
    for folder in (ROOT / "course", *(each.folder for each in CHAPTERS)):
        shutil.copytree(folder, course / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    for step in CHAPTERS:
        for name in LEFTOVERS:
            write(course / step.folder.name / name, "left over")
    return course


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def learn(course: Path, *words: str, cwd: Path | None = None, **options):
    return typed(*words, cwd=cwd or course, PYTHONPATH=str(course), **options)


def everything(folder: Path) -> dict[str, bytes | None]:
    """Return all that is there: the path of each file, with its content, and of each folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def differences(old: Path | None, new: Path) -> dict[str, str]:
    return {each.path: each.status for each in compare(old, new) if each.status != "same"}


# start


@pytest.mark.parametrize("step", CHAPTERS, ids=lambda step: step.name)
def test_a_folder_begins_with_the_step_before_and_what_the_step_gives(
    course: Path, step: Chapter
) -> None:
    result = learn(course, "start", str(step.number), "my_chat")
    assert (result.returncode, result.stderr) == (0, "")
    before = chapter(step.number - 1).folder if step.number > 1 else None
    assert differences(course / "my_chat", step.folder) == {"README.md": "new"} | {
        path: status
        for path, status in differences(before, step.folder).items()
        if path not in PROVIDED and not path.endswith("__init__.py")
    }
    assert not {Path(name).name for name in LEFTOVERS} & {
        path.name for path in (course / "my_chat").rglob("*")
    }
    assert not list(course.glob(".new-*")), "nothing is left of the making"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_start_says_can_be_typed_in_the_folder_of_the_course(
    course: Path, elsewhere: bool
) -> None:
    here = course.parent if elsewhere else course
    result = learn(course, "start", "3", "my work/it's my chat", cwd=here)
    said = result.stdout.splitlines()
    assert said[0] == "it's my chat is the end of step 2, for you to make step 3 of it."
    assert "docs/step3_channel_layer.md" in said[2]
    assert "http://localhost:8000/step3_channel_layer/" in said[2]
    assert f"To run it, in the folder of the course{f', {course}' * elsewhere}:" in said
    lines = [line for line in said if line.startswith("  ")]
    activate, go, run, check, diff = map(shlex.split, lines)
    assert (activate[-1].startswith(".venv"), run) == (
        True,
        shlex.split("python manage.py runserver"),
    )
    assert (course / go[1] / "manage.py").is_file()
    assert check[1:6] == ["learn.py", "check", "3", "--dir", go[1]]
    assert diff[1:5] == ["learn.py", "diff", go[1], "3"]
    what_to_do = learn(course, *diff[2:5])
    assert "Still to do: 0 files to write, 3 to change" in what_to_do.stdout


@pytest.mark.parametrize(
    "words, says, status",
    [
        ("start 3 full", "There is something in full already", 2),
        ("mistake missing-await full", "There is something in full already", 2),
        ("start 3 .", "There is something in . already", 2),
        ("start 3 file", "file is a file", 2),
        ("start 3 file/in/it", f"{Path('file/in/it')} cannot be made: ", 1),
        ("start 3 step3_channel_layer", "step3_channel_layer is the course's own", 2),
        ("start 3 step1_views/chat/my_chat", "step1_views is the course's own", 2),
        ("start 9 my_chat", "There is no step 9", 2),
    ],
)
def test_what_is_there_is_never_touched(course: Path, words: str, says: str, status: int) -> None:
    write(course / "full/notes.txt", "mine")
    write(course / "file", "mine")
    before = everything(course)
    result = learn(course, *words.split())
    assert one_line(result).startswith(says)
    assert result.returncode == status
    assert everything(course) == before


def test_an_empty_folder_is_filled_and_stays_the_same_folder(course: Path) -> None:
    (course / "my_chat").mkdir()
    before = (course / "my_chat").stat().st_ino  # a terminal may be in it
    result = learn(course, "start", "1", ".", cwd=course / "my_chat")
    assert result.stdout.startswith("my_chat is a project skeleton")
    assert (course / "my_chat").stat().st_ino == before
    assert sorted(os.listdir(course / "my_chat")) == ["chat", "manage.py", "mysite"]


@POSIX
@pytest.mark.parametrize("there", [False, True], ids=["new", "empty folder"])
def test_a_full_disk_leaves_nothing_half_made(course: Path, there: bool) -> None:
    if there:
        (course / "a/b").mkdir(parents=True)
    before = everything(course)
    full = "import resource as r, runpy; r.setrlimit(r.RLIMIT_FSIZE, (1000, 1000)); "
    full += "runpy.run_module('course.cli', run_name='__main__')"
    result = learn(course, "start", "3", "a/b", command=[sys.executable, "-c", full])
    assert one_line(result).startswith("a/b cannot be made: ")
    assert result.returncode == 1
    assert everything(course) == before


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty folder"])
def test_ctrl_c_leaves_nothing_half_made(tmp_path: Path, capsys, there: bool) -> None:
    def interrupted(folder: Path) -> None:
        write(folder / "chat/views.py", "half")
        raise KeyboardInterrupt

    if there:
        (tmp_path / "a/b").mkdir(parents=True)
    before = everything(tmp_path)
    with pytest.raises(typer.Exit) as left:
        cli.make_folder(tmp_path / "a/b", interrupted)
    assert left.value.exit_code == 130
    assert capsys.readouterr().err.startswith("Stopped: ")
    assert everything(tmp_path) == before


# mistake


def test_mistake_alone_lists_them_all(course: Path) -> None:
    result = learn(course, "mistake")
    *said, last = result.stdout.splitlines()
    rows = [line for line in said if line.startswith("  ")]
    assert [row.split()[0] for row in rows] == [each.id for each in MISTAKES]
    assert (
        len({row.index(f"  {each.title}", 3) for row, each in zip(rows, MISTAKES, strict=True)})
        == 1
    )
    in_code = [each.id for each in MISTAKES if each.patch]
    assert [row.split()[0] for row in rows if "(not in the code)" not in row] == in_code
    assert last.endswith(f"learn.py mistake {in_code[0]} my_copy")


@pytest.mark.parametrize("mistake", [each for each in MISTAKES if each.patch], ids=lambda m: m.id)
def test_a_broken_copy_differs_from_its_step_in_the_mistake(
    mistake: mistakes.Mistake, tmp_path: Path
) -> None:
    folders.make(tmp_path / "my_copy", partial(folders.fill_with_mistake, mistake))
    assert differences(chapter(mistake.step).folder, tmp_path / "my_copy") == {
        "README.md": "removed",
        **{patch.file: "changed" for patch in mistake.patch},
    }


def test_mistake_makes_a_copy_and_gives_nothing_away(course: Path) -> None:
    mistake = mistakes.get("missing-await")
    result = learn(course, "mistake", mistake.id, "my copy")
    assert differences(course / "my copy", course / "step4_async") == {
        "README.md": "new",
        "chat/consumers.py": "changed",
    }
    said = result.stdout.splitlines()
    assert said[0] == "my copy is step 4 with a mistake in it: find it."
    assert said[2] == " ".join(mistake.when.split())
    lines = [shlex.split(line) for line in said if line.startswith("  ")]
    assert lines[1:3] == [["cd", "my copy"], shlex.split(mistake.servers[0])]
    assert lines[3][1:6] == ["learn.py", "check", "4", "--dir", "my copy"]
    assert "http://localhost:8000/troubleshooting/#missing-await " in said[-1]
    for secret in (mistake.cause, mistake.fix):
        assert " ".join(secret.split())[:50] not in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    "does, servers, first, others",
    [
        (["A opens lobby"], ["serve"], ["serve"], []),
        (["A opens lobby", "B opens lobby"], ["serve", "serve 2"], ["serve"], ["serve 2"]),
        (["runs pytest"], [], ["pytest"], []),
        (["runs migrate", "A opens lobby"], ["serve"], ["migrate", "serve"], []),
        (["A opens lobby", "runs redis-cli"], ["serve"], ["serve"], ["redis-cli"]),
    ],
)
def test_the_commands_of_a_mistake_are_told_by_terminal(does, servers, first, others) -> None:
    mistake = mistakes.Mistake("", "", 1, "", does, "", "", "", [], servers=servers)
    assert folders.typed(mistake) == (first, others)


def test_the_id_alone_tells_what_it_looks_like_and_how_to_have_a_copy(course: Path) -> None:
    mistake = mistakes.get("no-group-discard")
    result = learn(course, "mistake", mistake.id)
    title, when, _, how = result.stdout.splitlines()
    assert (title, when) == (f"{mistake.title} (step 3)", " ".join(mistake.when.split()))
    assert how.endswith(f"learn.py mistake {mistake.id} my_copy")
    assert result.returncode == 0
    told = learn(course, "mistake", "port-taken")
    assert "not in the code" in told.stdout.splitlines()[-1]
    assert told.returncode == 0


@pytest.mark.parametrize(
    "name, says",
    [
        ("mising-await", "There is no mistake “mising-await”. Do you mean missing-await"),
        ("xyzzy", "There is no mistake “xyzzy”. “"),
        ("port-taken", "port-taken is not in the code, so there is no copy to make. Read http"),
    ],
)
def test_what_has_no_copy_gets_one_line(course: Path, name: str, says: str) -> None:
    result = learn(course, "mistake", name, "my_copy")
    assert one_line(result).startswith(says)
    assert result.returncode == 2
    assert not (course / "my_copy").exists()


# diff


@pytest.fixture
def mine(course: Path) -> Path:
    """A learner's folder: the end of step 3, as `start` makes it."""
    without = shutil.ignore_patterns("README.md", "__pycache__")
    return shutil.copytree(chapter(3).folder, course / "my_chat", ignore=without)


@pytest.mark.parametrize("words", ["my_chat 3", "3 my_chat", "my_chat/ step3_channel_layer"])
def test_diff_reads_as_what_is_still_to_do(course: Path, mine: Path, words: str) -> None:
    (mine / "chat/urls.py").unlink()
    (mine / "chat/__init__.py").unlink()
    views = mine / "chat/views.py"
    views.write_bytes(views.read_bytes().replace(b"\n", b"\r\n"))  # as Windows ends lines
    settings = mine / "mysite/settings.py"
    settings.write_text(settings.read_text().replace("DEBUG = ", "DEBUGS = "))
    for name in ("notes.txt", "chat/tests/a.py", "chat/tests/b.py", "README.md"):
        write(mine / name, "a secret of mine\n")
    for name in ("chat/__pycache__/mine.pyc", ".venv/bin/x", ".git/HEAD", "db.sqlite3"):
        write(mine / name, "no file of the chat")
    result = learn(course, "diff", *words.split())
    urls = (chapter(3).folder / "chat/urls.py").read_text().splitlines()
    said = result.stdout.splitlines()
    heads = [line for line in said if line.endswith(")") and line[0] not in "+- "]
    assert heads == [
        "chat/__init__.py (to write, empty)",
        "chat/urls.py (to write)",
        "mysite/settings.py (to change)",
    ]
    assert {f"+{line}" for line in urls} <= {*said}
    assert [line[:8] for line in said if "DEBUG" in line and line[0] in "+-"] == [
        "-DEBUGS ",
        "+DEBUG =",
    ]
    assert "secret" not in result.stdout
    assert said[-2].startswith("Different is not wrong: “")
    assert "learn.py check 3 --dir my_chat" in said[-2]
    assert said[-1] == (
        f"Still to do: 2 files to write, 1 to change: {len(urls) + 1} lines to add (+), "
        "1 to take away (-). chat/tests/, notes.txt are only in my_chat."
    )
    assert result.returncode == 0


def test_diff_says_when_nothing_is_left(course: Path, mine: Path) -> None:
    nothing = "Nothing is left to do: my_chat has every line of step 3."
    assert one_line(learn(course, "diff", "my_chat", "3")) == nothing
    write(mine / "notes.txt", "mine")
    assert one_line(learn(course, "diff", ".", "3", cwd=mine)) == (
        f"{nothing} notes.txt is only in my_chat."
    )


def test_diff_says_what_is_no_text(course: Path, mine: Path) -> None:
    (mine / "chat/views.py").write_bytes("text".encode("utf-16"))
    result = learn(course, "diff", "my_chat", "3")
    assert result.stdout.splitlines()[1] == "chat/views.py (to change, not a text)"
    assert result.returncode == 0


# The overview


def test_the_overview_names_commands_that_there_are(course: Path) -> None:
    said = learn(course).stdout.partition("Type next:\n")[2].splitlines()
    commands = [line.split("learn.py ")[1].split("  ")[0] for line in said]
    assert {"start 1 my_chat", "check 1 --dir my_chat", "mistake"} <= {*commands}
    names = {each.name or each.callback.__name__ for each in cli.app.registered_commands}
    assert {each.split()[0] for each in commands} <= {*names, "--help"}
    first = max(map(len, commands))
    assert {line.split("learn.py ")[1][first : first + 2] for line in said} == {"  "}
