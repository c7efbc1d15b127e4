"""Every command that a page shows is typed, what it prints is compared, and every address that the
page names is opened, by the runner in prose.py. Small wrong pages prove that it sees errors."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from course.chapters import CHAPTERS, ROOT
from course.markdown import Fence, fences
from course.run.serve import free_port, port_taken
from tests.site import prose
from tests.site.prose import RUN, Wrong, check, of

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(chapter.folder / "README.md" for chapter in CHAPTERS),
    *sorted((ROOT / "docs").glob("*.md")),
]
# The slow tests run the pages of the chapters after the five core ones, and what needs RabbitMQ.
SLOW = [
    ROOT / "docs" / f"{name}.md"
    for name in ("layers", *(each.folder.name for each in CHAPTERS[5:]))
]
LOOK_ALIKES = ("bash", "zsh", "shell", "powershell", "pwsh", "bat", "cmd")
ON_WINDOWS = {
    "python3 learn.py": "py learn.py",
    "source .venv/bin/activate": r".venv\Scripts\Activate.ps1",
    "cp -R ": "cp -Recurse ",
}
WHERE = r"(On (macOS|Linux)|With (git|redis-server|rabbitmq-server)|(Another t|T)erminal)"
PLACE = r"n (step\d+_\w+|my_chat|the folder of the course)"
TITLE = re.compile(rf"I{PLACE}|({WHERE}|PowerShell|Docker)?(, i{PLACE})?(, \.venv active)?")
WRONG = tomllib.loads(Path(__file__).with_name("prose.toml").read_text("utf-8"))

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the blocks are for a POSIX shell"),
    pytest.mark.xdist_group("docker"),  # as tests/slow/test_docker.py, which uses the same ports
]


@of([page for page in PAGES if page not in SLOW])
def test_what_a_page_shows_happens(page: Path, tmp_path: Path, subtests: pytest.Subtests) -> None:
    check(page, tmp_path, subtests)


@of(PAGES)
def test_the_title_of_a_block_says_when_and_where_it_is_run(page: Path) -> None:
    for fence in fences(page.read_text("utf-8")):
        assert fence.language not in LOOK_ALIKES, f"line {fence.line}: write sh or console"
        assert fence.language not in RUN or TITLE.fullmatch(fence.title), f"line {fence.line}"


@of([page for page in PAGES if page.parent.name == "docs"])
def test_a_command_that_differs_on_windows_is_shown_for_it_too(page: Path) -> None:
    def typed_in(fence: Fence) -> list[str]:
        return [line.removeprefix("$ ") for line in fence.body.splitlines()]

    blocks = [each for each in fences(page.read_text("utf-8")) if each.language in RUN]
    windows = {typed for each in blocks if "PowerShell" in each.title for typed in typed_in(each)}
    for fence in blocks:
        if not fence.title.startswith(("Docker", "With redis")):
            for typed in typed_in(fence):
                for posix, powershell in ON_WINDOWS.items():
                    assert typed.replace(posix, powershell) in {typed} | windows


def test_a_project_of_your_own_installs_what_the_steps_use() -> None:
    page = (ROOT / "docs" / "your_project.md").read_text("utf-8")
    lines = next(each.body for each in fences(page) if each.title == "requirements.txt")
    assert {*lines.split()} <= {*(ROOT / "requirements.txt").read_text("utf-8").split()}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_on_a_page_is_found(wrong, tmp_path, monkeypatch):
    port = free_port()
    (page := tmp_path / "page.md").write_text(wrong["page"].replace("PORT", str(port)), "utf-8")
    monkeypatch.setattr(prose, "SECONDS", 1.5)
    with pytest.raises((Wrong, TimeoutError), match=f"^{wrong['says']}"):
        prose.read(page, tmp_path)
    assert not port_taken(port)
