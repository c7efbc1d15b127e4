"""`learn.py carry`: an edit of one step arrives in the later steps, or the obstacle is shown."""

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from course import carry, chapters, cli
from course.chapters import CHAPTERS
from course.run.serve import copy_project

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="no git on the PATH")

CONSUMER, MESSAGES, SETTINGS = "chat/consumers.py", "chat/messages.py", "mysite/settings.py"
IN_MEMORY = '"channels.layers.InMemoryChannelLayer"'


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with the steps in it; the commands work there."""
    for each in CHAPTERS:
        copy_project(each.folder, tmp_path / each.folder.name)
    for arguments in ("init -q", "add .", "-c user.name=a -c user.email=a commit -qm steps"):
        subprocess.run(["git", *arguments.split()], cwd=tmp_path, check=True)
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(carry, "ROOT", tmp_path)
    return tmp_path


def carried(step: int) -> Result:
    return CliRunner().invoke(cli.app, ["carry", str(step)])


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{file} has this {text.count(old)} times: {old}"
    file.write_text(text.replace(old, new), "utf-8")


def steps_with(course: Path, path: str, text: str) -> list[int]:
    files = {each.number: course / each.folder.name / path for each in CHAPTERS}
    return [n for n, file in files.items() if file.exists() and text in file.read_text("utf-8")]


def test_each_edit_arrives_in_every_later_step_that_has_its_lines(course: Path) -> None:
    third = chapters.chapter(3).folder
    later = [each.number for each in CHAPTERS if each.number >= 3]
    edit(third / CONSUMER, "accept it, or refuse it with a 403.", "REWORDED")  # a docstring
    edit(third / CONSUMER, "every frame that the tab sends", "each frame of the tab")
    edit(third / MESSAGES, "Type a message first.", "Write one first.")
    (third / "notes.txt").write_text("new", "utf-8")
    result = carried(3)
    assert steps_with(course, CONSUMER, "REWORDED") == later
    assert steps_with(course, CONSUMER, "each frame of the tab") == later
    assert steps_with(course, MESSAGES, "Write one first.") == later
    assert steps_with(course, "notes.txt", "new") == later
    assert result.exit_code == 0
    assert "step2_sync_consumer/chat/messages.py:" in result.stdout, "there the old line stays"
    assert "has the edit already" in carried(3).stdout


def test_a_place_that_differs_is_shown_with_both_versions(course: Path) -> None:
    edit(course / "step4_async" / SETTINGS, IN_MEMORY, '"another.Layer"')
    subprocess.run(["git", "add", "."], cwd=course, check=True)
    commit = "-c user.name=a -c user.email=a commit -qm differs"
    subprocess.run(["git", *commit.split()], cwd=course, check=True)
    edit(course / "step3_channel_layer" / SETTINGS, IN_MEMORY, '"a.new.Layer"')
    before = (course / "step4_async" / SETTINGS).read_bytes()
    result = carried(3)
    assert result.exit_code == 1
    assert f"step4_async/{SETTINGS} differs in this step: edit these places by" in result.stdout
    for mark, text in (("-", IN_MEMORY), ("+", '"a.new.Layer"'), ("!", '"another.Layer"')):
        assert any(
            line.strip().startswith(mark) and text in line for line in result.stdout.splitlines()
        )
    assert (course / "step4_async" / SETTINGS).read_bytes() == before
    assert 5 in steps_with(course, SETTINGS, '"a.new.Layer"'), "the other steps have it"


def test_a_place_that_is_there_twice_is_not_guessed(course: Path) -> None:
    """The last lines of a file, so that nothing below them tells the two places apart."""
    third, fourth = (course / chapters.chapter(n).folder.name / MESSAGES for n in (3, 4))
    lines = third.read_text("utf-8").splitlines(keepends=True)[-4:]
    with fourth.open("a", encoding="utf-8") as file:
        file.writelines(lines)
    before = fourth.read_bytes()
    third.write_text(third.read_text("utf-8").replace(lines[-1], "    return str(message)\n"))
    result = carried(3)
    assert (result.exit_code, fourth.read_bytes()) == (1, before)
    assert "step4_async/chat/messages.py differs in this step" in result.stdout


@pytest.mark.parametrize(
    ("step", "says"),
    [(CHAPTERS[-1].number, "there is no later step"), (1, "step1_views has no edits")],
)
def test_nothing_to_carry_gets_one_line(course: Path, step: int, says: str) -> None:
    result = carried(step)
    assert result.exit_code == 1
    assert says in result.stderr
