"""What the step folders promise: small, alike, complete, and clean."""

import ast
import os
import runpy
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from course.chapters import CHAPTERS, Chapter
from course.compare import compare

DATA = tomllib.loads(Path(__file__).with_name("steps.toml").read_text("utf-8"))
INSTALLED = {"asgiref", "celery", "channels", "daphne", "dj_database_url", "django"}
INSTALLED_FOR_TESTS = {"pytest", "pytest_asyncio", "pytest_django", "selenium"}

every_chapter = pytest.mark.parametrize(
    "chapter", CHAPTERS, ids=lambda chapter: chapter.folder.name
)


def files(chapter: Chapter) -> dict[str, str]:
    """Return the text of each file of a step by its path."""
    paths = [file.path for file in compare(chapter.folder, chapter.folder)]
    return {path: (chapter.folder / path).read_text("utf-8") for path in paths}


@pytest.mark.parametrize(
    ("before", "chapter"), list(pairwise(CHAPTERS)), ids=lambda chapter: str(chapter.number)
)
def test_only_what_the_concept_needs_changes(before: Chapter, chapter: Chapter) -> None:
    marks = {"new": " +", "removed": " -", "changed": ""}
    changed = {
        file.path + marks[file.status]
        for file in compare(before.folder, chapter.folder)
        if file.status != "same"
    }
    assert changed == {*DATA["changes"][str(chapter.number)]}


@every_chapter
def test_files_stay_small(chapter: Chapter) -> None:
    for path, most in DATA["most_lines"].items():
        if text := files(chapter).get(path):
            assert len(text.splitlines()) <= most, path


@every_chapter
def test_nothing_is_imported_from_outside(chapter: Chapter) -> None:
    for path, text in files(chapter).items():
        if not path.endswith(".py"):
            continue
        allowed = INSTALLED | sys.stdlib_module_names | {"accounts", "chat", "mysite"}
        if "tests/" in path or path == "conftest.py":
            allowed = allowed | INSTALLED_FOR_TESTS
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}: write the whole path instead of dots"
                names = [node.module]
            for name in names:
                assert name.partition(".")[0] in allowed, f"{path} imports {name}"


@every_chapter
def test_settings_come_from_the_environment(chapter, monkeypatch, tmp_path):
    given = {
        "DJANGO_SECRET_KEY": "a key",
        "DJANGO_DEBUG": "false",
        "DJANGO_ALLOWED_HOSTS": "chat.example,localhost",
        "REDIS_URL": "redis://elsewhere:6379/1",
        "DATABASE_URL": "postgres://elsewhere/talk",
    }
    for name in given:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHAT_DATA", str(tmp_path / "data"))
    settings = runpy.run_path(str(chapter.folder / "mysite" / "settings.py"))
    assert settings["SECRET_KEY"].startswith("for learning only")
    if "DATABASES" in settings:
        assert settings["DATABASES"]["default"]["NAME"] == tmp_path / "data" / "chat.sqlite3"
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = runpy.run_path(str(chapter.folder / "mysite" / "settings.py"))
    assert settings["SECRET_KEY"] == "a key"
    assert settings["DEBUG"] is False
    assert settings["ALLOWED_HOSTS"] == ["chat.example", "localhost"]
    assert (given["REDIS_URL"] in str(settings)) == ("redis" in chapter.services)
    if "DATABASES" in settings:
        assert settings["DATABASES"]["default"]["NAME"] == "talk"


@every_chapter
def test_django_finds_nothing_to_say(chapter: Chapter) -> None:
    """With only this much of the chat's environment."""
    ours = ("DJANGO_", "REDIS_URL", "DATABASE_URL", "CHAT_DATA", "PYTHONPATH")
    result = subprocess.run(
        [sys.executable, "manage.py", "check", "--fail-level", "DEBUG"],
        cwd=chapter.folder,
        env={name: text for name, text in os.environ.items() if not name.startswith(ours)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "no issues" in result.stdout, result.stdout + result.stderr
