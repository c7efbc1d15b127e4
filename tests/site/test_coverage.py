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
LONG = "```step\nstep2_second/long.py\n```\n"


@pytest.fixture(autouse=True)
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A course of two steps, in place of the real one."""
    monkeypatch.setattr("course.chapters.ROOT", tmp_path)
    monkeypatch.setattr("course.chapters.CHAPTERS", (FIRST, SECOND))
    for folder, path, text in (
        (FIRST.folder, "chat.py", "one = 1\n\n\ntwo = 2\n"),
        (FIRST.folder, "gone.py", "gone = True\n"),
        (SECOND.folder, "chat.py", "one = 1\nmore = 1\n\n\n\ntwo = 3\n"),
        (SECOND.folder, "chat/__init__.py", ""),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def test_what_a_page_leaves_out_is_named() -> None:
    shows, unnamed = "no step fence shows step2_second/chat.py", "and the page does not name it"
    added, two = f"{shows}:2: + more = 1", [f"{shows}:4: - two = 2", f"{shows}:6: + two = 3"]
    for old, new, wanted in (
        ("", "", []),  # nor is a blank line missed
        ("chat.py\n", "chat.py :: two\n", [added]),
        ("chat.py\n", "chat.py :: one, more\n", two),
        ("step2_second/chat.py", "step1_first/chat.py", [added, *two]),
        ("`gone.py`", "A file", [f"step2_second/gone.py is removed, {unnamed}"]),
        ("`chat/__init__.py`", "A file", [f"step2_second/chat/__init__.py is new, {unnamed}"]),
    ):
        assert list(problems(WHOLE.replace(old, new), SECOND)) == wanted
    assert not list(problems(WHOLE.replace("chat.py\n", "chat.py :: two\n"), SECOND, WHOLE))


def test_too_many_changes_in_one_fence_are_refused_unless_the_file_is_provided() -> None:
    for name in "long.py", "manage.py":
        code = "".join(f"line_{number} = {number}\n" for number in range(31))
        (SECOND.folder / name).write_text(code)
    [problem] = problems(LONG)
    assert problem == "line 1: 31 changed lines, 30 is the most in one fence"
    assert not list(problems(LONG.replace("long", "manage")))


def test_two_blocks_without_a_word_between_them_are_refused() -> None:
    block = "```text\none\n```\n"
    for between in "", "\n## A heading\n\n", '\n??? note "A note"\n\n':
        [problem] = problems(block + between + block)
        line = 4 + between.count("\n")
        assert problem == f"line {line}: two blocks of code without a word between them"
        assert not list(problems(f"{block}{between}\nNow a word.\n\n{block}"))


def test_fences_are_found_inside_notes_with_their_titles_and_lines() -> None:
    block = '    ```console title="In chat" skip="why"\n    $ ls\n      a\n    ```\n'
    page = 'Words.\n\n??? note "A"\n\n' + block
    [fence] = fences(page)
    assert fence[:6] == (5, "console", "In chat", "why", "$ ls\n  a\n", 4)
    assert fence.text in page
