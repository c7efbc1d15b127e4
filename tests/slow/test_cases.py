"""What `learn.py check` shows of a chat with a fault: what was printed, with the line of its code,
and a cause only where its sign was seen. The faults are in cases.toml."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from course.chapters import chapter
from course.judge import report
from course.judge.check import Check, rows
from course.judge.target import CheckError, Project
from course.run.serve import PrivateRedis, copy_project
from tests.helpers import REDIS

pytestmark = REDIS
CASES = tomllib.loads(Path(__file__).with_name("cases.toml").read_text("utf-8"))
SETTINGS = "mysite/settings.py"


def first_failure(folder: Path, number: int, browser: Callable | None) -> None:
    """Judge a folder as learn.py does, up to the first ✘, and print what it prints."""
    step = chapter(number)
    try:
        with Project(folder, step.services, None) as target:
            check = Check(target, step, browser, patience=3)
            report.show_before(check)
            for row in rows(step)[0]:
                if not row.slow:
                    report.show(verdict := check.verdict(row))
                    if verdict.holds is False:
                        return
            report.show_noticed(check)
    except CheckError as error:
        print(error)


def edited(to: Path, number: int, *edits: dict[str, str]) -> Path:
    """Copy a step and edit it."""
    copy_project(chapter(number).folder, to)
    for edit in edits:
        text = (to / edit["file"]).read_text("utf-8")
        assert text.count(edit["old"]) == 1, edit
        (to / edit["file"]).write_text(text.replace(edit["old"], edit["new"]), "utf-8")
    return to


@pytest.mark.parametrize("name", CASES)
def test_what_was_printed_is_shown_and_no_wrong_cause_is_named(name, tmp_path, browser, capsys):
    case = CASES[name]
    folder = edited(tmp_path / "my_chat", case["step"], *case["edit"])
    first_failure(folder, case["step"], browser if case.get("in_tabs") else None)
    printed = capsys.readouterr().out
    for text in case["shown"]:
        assert text in printed
    named = re.findall(r"most likely: .*\(([\w-]+)\)$", printed, re.M)
    assert {*(named or [""])} <= {*case["named"]}, printed


def test_a_fixed_address_of_redis_is_said_first_and_nothing_is_red_for_it(tmp_path, capsys):
    with PrivateRedis() as redis:
        edit = {"old": '"address": REDIS_URL', "new": f'"address": "{redis.url}"'}
        folder = edited(tmp_path / "my_chat", 4, {"file": SETTINGS, **edit})
        with Project(folder, ("redis",), None) as target:
            check = Check(target, chapter(4), None)
            report.show_before(check)
            verdicts = {row.id: check.verdict(row) for row in rows(chapter(4))[0]}
    printed = capsys.readouterr().out
    assert "does not use REDIS_URL" in printed
    assert redis.url in printed
    assert [name for name, each in verdicts.items() if each.holds is False] == []
    assert verdicts["frozen_redis"].reason == "your project does not use REDIS_URL"
