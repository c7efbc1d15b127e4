"""A page has to show every line that its chapter changes, with words, in pieces of a fair size."""

from pathlib import Path

import pytest

from course.book.coverage import problems
from course.chapters import Chapter
from course.markdown import fences

FIRST = Chapter(1, "first", "", "")
SECOND = Chapter(2, "second", "", "")

WHOLE = """# Step 2

What is new:

```step
step2_second/chat.py
```

`gone.py` is not needed any more, and `chat/__init__.py` makes a package of the folder.
"""


@pytest.fixture(autouse=True)
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of two steps, in place of the real one."""
    monkeypatch.setattr("course.chapters.ROOT", tmp_path)
    monkeypatch.setattr("course.book.listing.CHAPTERS", (FIRST, SECOND))
    for chapter in FIRST, SECOND:
        (chapter.folder / "chat").mkdir(parents=True)
    (FIRST.folder / "chat.py").write_text("one = 1\n\n\ntwo = 2\n")
    (FIRST.folder / "gone.py").write_text("gone = True\n")
    (SECOND.folder / "chat.py").write_text("one = 1\nmore = 1\n\n\ntwo = 3\n")
    (SECOND.folder / "chat" / "__init__.py").write_text("")
    return tmp_path


def test_a_page_that_shows_everything_has_no_problem() -> None:
    assert problems(WHOLE, SECOND) == []


def test_a_line_that_is_not_shown_is_named() -> None:
    part = WHOLE.replace("chat.py\n", "chat.py :: two\n")
    assert problems(part, SECOND) == ["no step fence shows step2_second/chat.py:2: + more = 1"]


def test_a_line_that_was_removed_is_named() -> None:
    part = WHOLE.replace("chat.py\n", "chat.py :: one, more\n")
    assert problems(part, SECOND) == [
        "no step fence shows step2_second/chat.py:4: - two = 2",
        "no step fence shows step2_second/chat.py:5: + two = 3",
    ]


def test_the_same_line_of_another_step_does_not_count() -> None:
    other = WHOLE.replace("step2_second/chat.py", "step1_first/chat.py")
    assert len(problems(other, SECOND)) == 3


def test_blank_lines_do_not_count(course: Path) -> None:
    (SECOND.folder / "chat.py").write_text("one = 1\n\n\n\ntwo = 3\n")
    assert problems(WHOLE.replace("chat.py\n", "chat.py :: two\n"), SECOND) == []


def test_a_file_that_was_removed_has_to_be_named() -> None:
    assert problems(WHOLE.replace("gone", "away"), SECOND) == [
        "step2_second/gone.py is removed, and the page does not name it"
    ]


def test_an_empty_file_has_to_be_named() -> None:
    assert problems(WHOLE.replace("`chat/__init__.py`", "A file"), SECOND) == [
        "step2_second/chat/__init__.py is new, and the page does not name it"
    ]


def test_a_file_that_is_no_text_has_to_be_named(course: Path) -> None:
    (SECOND.folder / "icon.png").write_bytes(b"\0")
    assert problems(WHOLE, SECOND) == [
        "step2_second/icon.png is new, and the page does not name it"
    ]


def test_a_fence_that_names_nothing_is_told_with_its_line() -> None:
    [problem] = problems(WHOLE.replace("chat.py\n", "chat.py :: three\n"))
    assert problem == "line 5: chat.py has no three; the nearest is more"


def test_too_many_changes_in_one_fence_are_refused_unless_the_file_is_given(course: Path) -> None:
    code = "".join(f"line_{number} = {number}\n" for number in range(31))
    (SECOND.folder / "long.py").write_text(code)
    (SECOND.folder / "manage.py").write_text(code)
    long = "```step\nstep2_second/long.py\n```\n"
    [problem] = problems(long)
    assert problem.startswith("line 1: this fence shows 31 changed lines, and 30 is the most")
    assert problems(long.replace("long", "manage")) == []


@pytest.mark.parametrize("between", ["", "\n## A heading\n\n", '\n??? note "A note"\n\n'])
def test_two_blocks_without_a_word_between_them_are_refused(between: str) -> None:
    block = "```text\none\n```\n"
    assert problems(block + between + block) == [
        f"line {4 + between.count(chr(10))}: two blocks of code without a word between them"
    ]
    assert problems(f"{block}{between}\nNow a word.\n\n{block}") == []


def test_fences_are_found_inside_notes_with_their_titles_and_lines() -> None:
    page = 'Words.\n\n??? note "A"\n\n    ```console title="In chat"\n    $ ls\n      a\n    ```\n'
    [fence] = fences(page)
    assert (fence.line, fence.language, fence.title) == (5, "console", "In chat")
    assert (fence.body, fence.indent) == ("$ ls\n  a\n", 4)
    assert fence.text in page
