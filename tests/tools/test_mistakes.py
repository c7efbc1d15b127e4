"""The catalogue of mistakes: valid, up to date with the steps, drawn whole. (Each mistake is made
in tests/slow/test_mistakes.)"""

import re
from difflib import unified_diff
from pathlib import Path
from textwrap import indent

import pytest

from course.chapters import ROOT, chapter
from course.judge import mistakes
from course.judge.mistakes import Clues, Failure, Seen

MISTAKES = mistakes.load()


def drawn_as_text(folder: Path, path: str, wrong: str, right: str) -> str:
    lines = unified_diff(wrong.splitlines(), right.splitlines(), lineterm="")
    return "\n".join([f"In {folder.name}/{path}:", *lines])


def test_a_drawn_mistake_has_all_that_is_told_in_a_fold_under_its_address() -> None:
    page = mistakes.page(drawn_as_text)
    folds = re.findall(r'^\?\?\? failure "(.+)"\n\n    ### \1 \{ #(.+) \}$', page, re.M)
    assert folds == [(each.title, each.id) for each in MISTAKES]
    for each in MISTAKES:
        drawn = mistakes.markdown(each, drawn_as_text)
        assert indent(drawn, "    ") in page
        told = [each.when, each.cause, each.fix, f"({each.page})"]
        told += [f"\n{seen.text}\n" if seen.text else "No message" for seen in each.seen]
        told += [action.removeprefix("runs ") for action in each.does if action[:5] == "runs "]
        told += [command for command in each.servers if command != "python manage.py runserver"]
        folder = chapter(each.step).folder.name
        told += [f"In {folder}/{patch.file}" for patch in each.patch if not patch.setting]
        assert [text for text in told if text not in drawn] == [], each.id
        fixed = [patch.old.strip() for patch in each.patch if not patch.setting]
        for line in "\n".join(patch.new for patch in each.patch if patch.setting).split("\n"):
            if line and not any(old in line for old in fixed):
                assert not {f"+{line}", f"-{line}"} & {*drawn.split("\n")}, "no part of the fix"


def test_a_link_to_read_on_has_the_heading_of_its_section() -> None:
    asgi = mistakes.get("no-websocket-route")
    text = (ROOT / "docs" / asgi.page.partition("#")[0]).read_text("utf-8")
    link = re.search(
        r"^Read on: \[(.+) › (.+)\]\((.+)\)\.$", mistakes.markdown(asgi, drawn_as_text), re.M
    )
    assert link and link[3] == asgi.page
    assert text.index(f"# {link[1]}\n") < text.index(f"# {link[2]}\n")


def test_the_index_of_the_page_names_every_mistake() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    index = page[page.index("## Find it by what you see") : page.index("## Where to look first")]
    assert {*re.findall(r"\(#([\w-]+)\)", index)} >= {each.id for each in MISTAKES}


def test_a_mistake_is_named_only_where_its_clues_are_in_the_failure() -> None:
    failure = Failure("own_message", "silent", "one\nError: two\n", True, "def connect(self):")
    for clues, fits in (
        (Clues(), False),
        (Clues(row="own_message", symptom="silent"), True),
        (Clues(row="second_tab", symptom="silent"), False),
        (Clues(row="own_message", symptom="dropped 1011"), False),
        (Clues(sign="Error: …"), True),
        (Clues(row="own_message", symptom="silent", sign="Error: three"), False),
        (Clues(row="own_message", symptom="silent", code="def con+ect"), True),
        (Clues(row="own_message", symptom="silent", code="receive"), False),
        (Clues(row="own_message", symptom="silent", lacks="receive"), True),
        (Clues(sign="Error: two", lacks="connect"), False),
    ):
        assert bool(clues.fit(failure)) is fits, clues
    by_symptom = Clues(row="own_message", symptom="silent", lacks="receive")
    assert not by_symptom.fit(failure._replace(no_error=False)), "an error points elsewhere"
    assert not by_symptom.fit(failure._replace(code="")), "nobody can see what it lacks"


def test_the_line_for_containers_is_that_of_compose() -> None:
    wrong, right = re.findall(r"^[-+](.+)$", mistakes.get("localhost-in-container").fix, re.M)
    assert f" {right.strip()}\n" in (ROOT / "docker-compose.yml").read_text("utf-8")
    assert wrong == right.replace("//redis:", "//localhost:")


def test_a_text_is_found_in_whole_lines() -> None:
    for text, found, expected in (
        ("No handler", "one\nNo handler\ntwo", True),
        ("No handler", "ValueError: No handler", False),
        ("No handler", "No handler for it", False),
        ("… handler", "ValueError: No handler", True),
        ("[…] (a.b)", "[8000] (a.b)", True),
        ("[…] (a.b)", "[8000] (axb)", False),
        ("one\ntwo", "one\nand\ntwo", False),
        ("one\n…\ntwo", "one\nand\ntwo\n", True),
        ("one\n…\ntwo", "two\none", False),
    ):
        assert Seen("terminal", text).matches(found) is expected, (text, found)
        assert Clues(sign=["…else", text]).signs_in(found) == [text] * expected, (text, found)
    assert not Seen("tab A", "one").matches("one\ntwo"), "of a tab, all is told"
    seen = Seen("terminal", "Error 111", elsewhere="Error …")
    assert (seen.matches("Error 61"), seen.matches("Error 61", elsewhere=True)) == (False, True)


def test_an_entry_that_is_wrong_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    file, entry = tmp_path / "mistakes.toml", "template-missing"
    catalogue = mistakes.FILE.read_text("utf-8")
    before, mark, after = catalogue.partition(f'id = "{entry}"\n')
    for old, new, problem in (
        (mark, "", ".*: .* missing required field `id`"),
        ("step = 1", "step = 0", f"{entry}: .* at `$.step`"),
        ("step = 1", "step = 1\nsteps = 2", f"{entry}: .* unknown field `steps`"),
        ("A opens lobby", "C opens lobby", f"{entry}: .* at `$.does[0]`"),
        (
            'text = """\n',
            'text = ""\nelsewhere = """\n',
            "no text is seen in the page - at `$.seen",
        ),
        ('row = "choose_room"', 'row = "room"', f"{entry}: .* 'room' - at `$.check.row`"),
        ('"page 500"', '"nothing"', f"{entry}: .* 'nothing' - at `$.check.symptom`"),
    ):
        assert old in mark + after
        file.write_text(before + (mark + after).replace(old, new, 1), "utf-8")
        with pytest.raises(ValueError, match=re.escape(problem).replace(r"\.\*", ".*")):
            mistakes.load(file)
