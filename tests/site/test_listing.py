"""Code is found by its name, with exactly what the step changes in it."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from course.book.draw import draw, draw_file, draw_terminal
from course.book.listing import Listing, ListingError, find, read
from course.chapters import Chapter

OLD = '''"""A chat."""

import json
from sync import Base

LIMIT = 10


class Chat(Base):
    """One socket."""

    def connect(self):
        self.accept()
        self.tell()

    # Whatever comes.
    def receive(self, text):
        self.send(text)
'''
NEW = '''"""A chat."""

import json
from asynchronous import Base

if json:
    LIMIT = 20  # more
else:
    LIMIT = 30


class Chat(Base):
    """One socket."""

    async def connect(self):
        await self.accept()

    # Whatever comes.
    async def receive(self, text):
        await self.send(text)

    @staticmethod
    def close():
        pass


class Other:
    def close(self):
        pass


def receive():
    pass


def receive():
    pass
'''
PAGE = """<main>
  <form id="chat"
        method="get">
    <p>Words <form-like> <input id="one"
       disabled> more</p>
    <br>
  </form>
  {{ name }}
</main>
"""
SCRIPT = """// What is typed
// goes out.
const socket = open(`/ws/`, {
  onFrame: (frame) => {
    log("}");
  },
});
let last = "";
"""
SETTINGS = "services:\n  redis:\n    image: redis\n\n    ports: [1]\n  web:\n    image: web\n"


@pytest.fixture(autouse=True)
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of two steps, in place of the real one."""
    monkeypatch.setattr("course.chapters.ROOT", tmp_path)
    steps = (Chapter(1, "old", "", ""), Chapter(2, "new", "", ""))
    for module in "listing", "draw":
        monkeypatch.setattr(f"course.{module}.CHAPTERS", steps)
    for chapter, code in zip(steps, (OLD, NEW), strict=True):
        chapter.folder.mkdir()
        (chapter.folder / "chat.py").write_text(code)
    for name, text in ("page.html", PAGE), ("chat.js", SCRIPT), ("compose.yml", SETTINGS):
        (tmp_path / "step2_new" / name).write_text(text)
    return tmp_path


def shown(listing: Listing) -> list[str]:
    return [f"{line.mark} {line.text}" for line in listing.lines]


def code(spec: str) -> str:
    return read(f"step2_new/{spec}").code


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("imports", '"""A chat."""', "from asynchronous import Base"),
        ("LIMIT", "if json:", "    LIMIT = 30"),
        ("Other", "class Other:", "        pass"),
        ("class Chat", "class Chat(Base):", '    """One socket."""'),
        ("Chat.receive", "    # Whatever comes.", "        await self.send(text)"),
        ("Chat.close", "    @staticmethod", "        pass"),
        ('"@staticmethod', "    @staticmethod", "    @staticmethod"),
        ('"class Other', "class Other:", "        pass"),
    ],
)
def test_python_is_found_by_name(name: str, first: str, last: str) -> None:
    part = find(NEW, "chat.py", name)
    assert NEW.splitlines()[part.start - 1] == first
    assert NEW.splitlines()[part.end - 1] == last


@pytest.mark.parametrize(
    ("spec", "lines"),
    [
        ('page.html :: "<main"', PAGE.splitlines()),
        ('page.html :: "<form id"', PAGE.splitlines()[1:7]),
        ('page.html :: "<p>"', PAGE.splitlines()[3:5]),
        ('page.html :: "<br"', ["    <br>"]),
        ('page.html :: "{{ name"', ["  {{ name }}"]),
        ('chat.js :: "const socket"', SCRIPT.splitlines()[2:7]),
        ('chat.js :: "// What is typed"', SCRIPT.splitlines()[:7]),
        ('chat.js :: "onFrame"', SCRIPT.splitlines()[3:6]),
        ('chat.js :: "let last = \\"\\""', ['let last = "";']),
        ('compose.yml :: "redis:"', SETTINGS.splitlines()[1:5]),
        ("compose.yml", SETTINGS.splitlines()),
    ],
)
def test_other_code_is_found_by_its_first_line(spec: str, lines: list[str]) -> None:
    assert code(spec).splitlines() == lines


def test_what_was_removed_is_shown_where_it_was() -> None:
    assert shown(read("step2_new/chat.py :: Chat.connect")) == [
        "-     def connect(self):",
        "-         self.accept()",
        "-         self.tell()",
        "+     async def connect(self):",
        "+         await self.accept()",
    ]


def test_what_was_removed_behind_the_last_line_is_shown_with_it(course: Path) -> None:
    (course / "step2_new" / "chat.py").write_text(OLD.replace("        self.tell()\n", ""))
    assert shown(read("step2_new/chat.py :: Chat.connect"))[-1] == "-         self.tell()"


def test_the_words_that_changed_are_known() -> None:
    removed, added = read("step2_new/chat.py :: imports").changes
    assert [removed.text[slice(*span)] for span in removed.words] == ["sync"]
    assert [added.text[slice(*span)] for span in added.words] == ["asynchronous"]


def test_several_parts_are_copied_as_they_are_in_the_file() -> None:
    assert code("chat.py :: class Chat, Other") == (
        'class Chat(Base):\n    """One socket."""\n'
        "class Other:\n    def close(self):\n        pass\n"
    )


def test_neighbours_are_copied_with_the_blank_lines_between_them() -> None:
    assert code("chat.py :: class Chat, Chat.connect") == (
        'class Chat(Base):\n    """One socket."""\n\n'
        "    async def connect(self):\n        await self.accept()\n"
    )


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (
            "step2_new/chta.py",
            "there is no file step2_new/chta.py; the nearest is step2_new/chat.py",
        ),
        (
            "step9_new/chat.py",
            "there is no file step9_new/chat.py; the nearest is step2_new/chat.py",
        ),
        ("step2_new/chat.py :: Chat.conect", "has no Chat.conect; the nearest is Chat.connect"),
        ("step2_new/chat.py :: receive", "more than one receive, in lines 32 and 36"),
        ("step2_new/chat.js :: socket", "is not Python: name the start of a line"),
        ('step2_new/chat.js :: "const sock', "cannot be read as names"),
        (
            'step2_new/chat.js :: "const sockets"',
            'no line that starts with "const sockets"; the near',
        ),
        ('step2_new/page.html :: "<"', "more than one line that starts with"),
        ("step2_new/chat.py :: Other, LIMIT", "in the order of the file"),
        ("step2_new/chat.py :: Chat.close, Chat.close", "each once"),
        ("step2_new", "there is no file step2_new"),
    ],
)
def test_a_name_that_is_not_there_exactly_once_is_refused(spec: str, problem: str) -> None:
    with pytest.raises(ListingError) as error:
        read(spec)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_text_is_refused(course: Path) -> None:
    (course / "step2_new" / "icon.png").write_bytes(b"\x89PNG\0")
    with pytest.raises(ListingError, match="is not a text"):
        read("step2_new/icon.png")


def test_a_listing_is_drawn_as_a_diff() -> None:
    html = draw(read("step2_new/chat.py :: Chat.receive"))
    assert html.count('<ins class="line"') == html.count('<del class="line"') == 2
    assert '<mark><span class="k">async</span>' in html
    assert ">class</span>" in html, "the class that the method stands in"
    assert 'data-clipboard-text="    # Whatever comes.\n    async def' in html


def test_text_is_shown_as_text() -> None:
    html = BeautifulSoup(draw(read('step2_new/page.html :: "<p>"')), "html.parser")
    assert html.select_one("pre").get_text() == "\n".join(PAGE.splitlines()[3:5]) + "\n"


def test_a_new_file_has_a_badge_and_no_marked_lines() -> None:
    html = draw(read("step2_new/chat.js"))
    assert "new file" in html
    assert "<ins" not in html


def test_code_that_is_in_no_step_is_drawn_without_marks(course: Path) -> None:
    (course / "deploy").mkdir()
    (course / "deploy" / "nginx.conf").write_text("events {\n}\n")
    html = draw(read("deploy/nginx.conf"))
    assert "<ins" not in html and "badge" not in html


def test_a_file_that_is_in_no_folder_is_named_without_one(course: Path) -> None:
    (course / "docker-compose.yml").write_text("services:\n  chat:\n    init: true\n  redis:\n")
    found = read('./docker-compose.yml :: "chat:"')
    assert found.code == "  chat:\n    init: true\n"
    path = BeautifulSoup(draw(found), "html.parser").select_one("figcaption").get_text()
    assert path.strip().startswith("docker-compose.yml")


def test_a_file_that_is_removed_is_drawn_with_what_it_was(course: Path) -> None:
    from course.compare import compare

    (course / "step1_old" / "gone.py").write_text("gone = True\n")
    old, new = course / "step1_old", course / "step2_new"
    file = next(each for each in compare(old, new) if each.path == "gone.py")
    html = draw_file(file)
    assert 'data-status="removed"' in html and '<del class="line"' in html


def test_a_terminal_is_drawn_whole_and_its_button_copies_what_is_typed() -> None:
    text = "$ ls <a>\nchat\n…\n$ pwd\nlast"
    html = BeautifulSoup(draw_terminal("Terminal", text), "html.parser")
    assert html.select_one("pre").get_text() == text
    assert html.select_one("button")["data-clipboard-text"] == "ls <a>\npwd"
