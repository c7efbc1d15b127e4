"""What `learn.py record` makes is fresh, small, fits its page, and is made from a real run."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageSequence, ImageStat

from course.chapters import CHAPTERS, ROOT, Chapter
from course.record import diagrams, films, record, scenes
from course.record.camera import PAUSE
from course.run.serve import ServeError

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {"circle", "defs", "g", "line", "marker", "path", "polygon", "rect", "text", "tspan"}
# Words that stick out of the picture, or of their box.
CROWDED = """const svg = document.querySelector("svg");
    const inside = (inner, outer) => {
      const [a, b] = [inner.getBoundingClientRect(), outer.getBoundingClientRect()];
      return a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;
    };
    return [...svg.querySelectorAll("text")]
      .filter((text) => {
        const box = text.parentNode.querySelector("rect.note, rect.actor");
        return !inside(text, text.parentNode === svg || !box ? svg : box);
      })
      .map((text) => text.textContent);"""


def test_everything_is_fresh() -> None:
    text = record.README.read_text("utf-8")
    sources = diagrams.on_pages()
    due = [path.name for path, source in sources.items() if diagrams.stale(source)]
    due += [chapter.name for chapter in CHAPTERS if films.stale(chapter)]
    due += ["README.md"] if record.with_tables(text) != text else []
    due += [path.name for path in record.orphans()]
    assert not due, "run `python3 learn.py record`"
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", text)
    assert pictures and all((ROOT / picture).is_file() for picture in pictures)


def test_only_what_shows_makes_a_recording_stale(tmp_path: Path, monkeypatch) -> None:
    chapter = Chapter(1, "views", "", "")
    monkeypatch.setattr("course.chapters.ROOT", tmp_path)
    monkeypatch.setattr(films, "RECORDINGS", tmp_path)
    chapter.folder.mkdir()
    assert films.stale(chapter), "there is no recording"
    for suffix, code, reworded, changed in (
        (".py", 'def f():\n    """Old."""\n    return 1  # one\n', '"""Old."""', "return 1"),
        (".js", "// Old.\nsend(1); /* one */\n", "// Old.", "send(1)"),
        (".css", "/* Old. */\np { margin: 0 }\n", "/* Old. */", "margin: 0"),
        (".html", "<!-- Old. -->{# Old. #}\n<p>{% url 'x' %}</p>\n", "{# Old. #}", "'x'"),
        (".html", "<!-- Old. -->\n<!doctype html>\n", "<!-- Old. -->", "doctype html"),
    ):
        (file := chapter.folder / f"code{suffix}").write_text(code)
        for path in films.paths(chapter):
            path.write_text(films.fingerprint(chapter))
        file.write_text(code.replace(reworded, reworded.replace("Old", "New")) + "\n")
        (chapter.folder / "conftest.py").write_text(f"a test's {suffix}")
        assert not films.stale(chapter), suffix
        file.write_text(code.replace(changed, "2"))
        assert films.stale(chapter), suffix
        file.write_text(code)
        assert not films.stale(chapter), suffix
    monkeypatch.setitem(scenes.SCENES, "views", scenes.run_the_tests)
    assert films.stale(chapter), "another scene is another recording"
    with pytest.raises(ValueError, match=r"unknown has no scene yet: write it in course/record/sc"):
        films.stale(Chapter(9, "unknown", "", ""))


def test_a_diagram_needs_a_title_of_its_own_and_a_description(tmp_path: Path) -> None:
    source = "sequenceDiagram\n  accTitle: Two tabs\n  accDescr: A sends to B.\n  A->>B: hello\n"
    assert diagrams.stale(source) and diagrams.drawing(source).name == "two-tabs.svg"
    for key in "accTitle", "accDescr":
        with pytest.raises(ValueError, match=f"^a diagram needs a line `{key}: …`$"):
            diagrams.stale(source.replace(key, "accNothing"))
    for name in "one.md", "two.md":
        (tmp_path / name).write_text(f"```mermaid\n{source}```\n", "utf-8")
    with pytest.raises(ValueError, match=r"two\.md: another diagram has the title of two-tabs"):
        diagrams.on_pages(tmp_path)


def test_a_drawing_is_small_has_room_for_its_words_and_brings_nothing_but_shapes(browser) -> None:
    """In the font of this system's pages, which is not the one that it was measured with."""
    driver = browser()
    for path in diagrams.DIAGRAMS.glob("*.svg"):
        text = path.read_text("utf-8")
        root = ElementTree.fromstring(text)
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert tags <= SHAPES | {"svg", "title", "desc", "style"}
        assert text.count("http") == 1, "the name of SVG is no address; there should be no other"
        assert "var(--diagram-ink" in text, "light and dark: the page's colours"
        named = {element.get("id"): element for element in root.iter() if element.get("id")}
        assert all(name.startswith(f"diagram-{path.stem}-") for name in named), "unique on a page"
        for label, tag in (("aria-labelledby", "title"), ("aria-describedby", "desc")):
            assert named[root.get(label)].tag == SVG + tag and named[root.get(label)].text
        assert len(text.encode()) < 15_000
        driver.get("data:text/html,<!doctype html><meta charset=utf-8><body style='margin:0'>")
        driver.execute_script("document.body.innerHTML = arguments[0]", text)
        assert driver.execute_script(CROWDED) == [], path.stem


def test_a_recording_is_small_moves_for_seconds_and_starts_again() -> None:
    for chapter in CHAPTERS:
        paths = films.paths(chapter)
        for still, moving, is_dark in ((*paths[:2], False), (*paths[2:], True)):
            assert max(still.stat().st_size, moving.stat().st_size) <= 150_000
            with Image.open(moving) as film, Image.open(still) as picture:
                assert film.size == picture.size
                assert (ImageStat.Stat(picture.convert("L")).mean[0] < 128) == is_dark, still
                assert film.info["loop"] == 0, "for ever"
                durations = []
                for frame in ImageSequence.Iterator(film):
                    frame.load()
                    durations.append(frame.info["duration"])
            assert 4000 <= sum(durations) <= 9000, chapter.name
            assert durations[-1] >= PAUSE, "time to look, before it starts again"


def test_only_what_is_out_of_date_is_made(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(films, "record", films.paths)
    record.main()
    assert capsys.readouterr().out == "Nothing is out of date.\n"
    monkeypatch.setattr(films, "stale", lambda each: each == CHAPTERS[2])
    record.main()
    assert capsys.readouterr().out.split() == [
        path.relative_to(ROOT).as_posix() for path in films.paths(CHAPTERS[2])
    ]


def test_without_npm_there_is_one_clear_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(diagrams, "KEPT", tmp_path / "mermaid.tgz")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServeError, match=r"^Diagrams need npm, which comes with Node\.js: .+$"):
        list(diagrams.draw([]))
