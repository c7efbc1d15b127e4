"""Code is found by its name, with exactly what the step changes in it."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from course.book.listing import read
from course.book.render import GAP, render, render_file, render_terminal
from course.chapters import Chapter
from course.compare import compare

CODE = tomllib.loads(Path(__file__).with_name("listing.toml").read_text("utf-8"))
OLD, NEW, PAGE, SCRIPT, LINES, REFUSED = CODE.values()


@pytest.fixture(autouse=True)
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of two steps, in place of the real one."""
    steps = (Chapter(1, "old", "", ""), Chapter(2, "new", "", ""))
    monkeypatch.setattr("course.chapters.ROOT", tmp_path)
    monkeypatch.setattr("course.chapters.CHAPTERS", steps)
    for chapter, code in zip(steps, (OLD, NEW), strict=True):
        chapter.folder.mkdir()
        (chapter.folder / "chat.py").write_text(code)
    for name, text in ("page.html", PAGE), ("chat.js", SCRIPT):
        (tmp_path / "step2_new" / name).write_text(text)
    (tmp_path / "step2_new" / "icon.png").write_bytes(b"\x89PNG\0")
    return tmp_path


@pytest.mark.parametrize(("spec", "shown"), LINES.items(), ids=LINES)
def test_a_listing_has_these_lines(course: Path, spec: str, shown: list[int]) -> None:
    lines = (course / "step2_new" / spec.partition(" ")[0]).read_text().splitlines()
    found = [each.text for each in read(f"step2_new/{spec}").lines if each.mark != "-"]
    assert found == lines[shown[0] - 1 : shown[1]]


def test_what_was_removed_is_shown_where_it_was(course: Path) -> None:
    found = read("step2_new/chat.py :: Chat.connect")
    assert [f"{line.mark}{line.text}" for line in found.lines] == [
        "-    def connect(self):",
        "-        self.accept()",
        "-        self.tell()",
        "+    async def connect(self):",
        "+        await self.accept()",
    ]
    (course / "step2_new" / "chat.py").write_text(OLD.replace("        self.tell()\n", ""))
    assert read("step2_new/chat.py :: Chat.connect").lines[-1].text == "        self.tell()"


@pytest.mark.parametrize(("spec", "problem"), REFUSED.items(), ids=REFUSED)
def test_what_is_not_there_exactly_once_is_refused(spec: str, problem: str) -> None:
    with pytest.raises(ValueError) as error:
        read(spec)
    assert problem in str(error.value) and "\n" not in str(error.value)


def test_a_listing_is_a_diff() -> None:
    html = render(read("step2_new/chat.py :: Chat.receive"))
    assert html.count('<ins class="line"') == html.count('<del class="line"') == 2
    assert '<mark><span class="k">async</span>' in html, "the word that changed"
    assert ">class</span>" in html and html.count(GAP) == 1, "the class around the method"
    assert 'data-clipboard-text="    # Whatever comes.\n    async def' in html
    text = BeautifulSoup(render(read('step2_new/page.html :: "<p>"')), "html.parser")
    assert text.select_one("pre").get_text() == "\n".join(PAGE.splitlines()[3:5]) + "\n"


def test_only_what_has_changed_is_marked(course: Path) -> None:
    new = render(read("step2_new/chat.js"))
    assert "new file" in new and "<ins" not in new
    (course / "docker-compose.yml").write_text("services:\n  chat:\n    init: true\n  redis:\n")
    found = read('./docker-compose.yml :: "chat:"')
    html = render(found)
    assert 'data-clipboard-text="  chat:\n    init: true\n"' in html
    assert "<ins" not in html and "badge" not in html and 'data-name="docker-comp' in html


def test_a_whole_file_says_what_became_of_it(course: Path) -> None:
    (course / "step1_old" / "gone.py").write_text("gone = True\n")
    files = {each.path: each for each in compare(course / "step1_old", course / "step2_new")}
    gone = render_file(files["gone.py"])
    assert 'data-status="removed"' in gone and '<del class="line"' in gone
    icon = render_file(files["icon.png"])
    assert "not a text" in icon and "<button" not in icon and " open" not in icon
    assert "badge-provided" in render_file(replace(files["icon.png"], path="manage.py"))


def copied(html: str) -> list[str]:
    found = BeautifulSoup(html, "html.parser").select("button")
    return [button["data-clipboard-text"] for button in found]


def test_each_piece_of_a_listing_is_copied_apart() -> None:
    imports, method = "import json\nfrom asynchronous import Base\n", "    @staticmethod\n"
    one = render(read("step2_new/chat.py :: Chat.close"))
    two = render(read('step2_new/chat.py :: "import json", "from async", Chat.close'))
    assert copied(one) == [f"{method}    def close(): ...\n"]
    assert copied(two) == [imports, *copied(one)]
    assert two.count(GAP) == 2, "before the class around the method, and after it"


def test_each_command_of_a_terminal_is_copied_apart_except_kill() -> None:
    text = "$ ls <a>\nchat\n…\n$ kill -9 1\n$ pwd\nlast\n"
    html = render_terminal("Terminal", text)
    assert BeautifulSoup(html, "html.parser").select_one("pre").get_text() == text
    assert copied(html) == ["ls <a>", "pwd"]
