"""What `learn.py record` made is fresh, fits its page, and is refused where it would be wrong."""

import base64
import hashlib
import io
import re
import tarfile
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from urllib.error import URLError
from xml.etree import ElementTree

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from course import matrix
from course.chapters import CHAPTERS, Chapter, chapter
from course.record import diagrams, films, record
from course.record.diagrams import SVG, cleaned, diagram, fingerprint, on_pages, stale
from course.run.serve import ServeError

DRAWN = sorted(diagrams.DIAGRAMS.glob("*.svg"))
RUN = "run `python3 learn.py record`"
SOURCE = """
  sequenceDiagram
    accTitle: Two tabs, and a third
    accDescr: A sends to B.
    A->>B: hello
"""

every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda each: each.folder.name)
every_drawing = pytest.mark.parametrize("path", DRAWN, ids=lambda each: each.stem)


# Fresh


def test_every_diagram_is_drawn_from_what_its_page_says() -> None:
    sources = on_pages()
    assert [problem for source in sources if (problem := stale(source))] == []
    assert not diagrams.orphans(sources), f"no page has these: {RUN}"


@every_chapter
def test_every_recording_shows_the_step_as_it_is(chapter: Chapter) -> None:
    assert not (problem := films.stale(chapter)), problem
    assert not films.orphans(), f"there are no such steps: {RUN}"


def test_the_last_run_of_the_matrix_was_of_this_matrix() -> None:
    assert not (problem := record.last_run_stale()), problem
    run = record.last_run()
    assert run.held + run.disproven + sum(run.skipped.values()) == len(list(matrix.cells()))


# Freshness can be lost


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A diagram that is fresh, in a folder of its own."""
    monkeypatch.setattr(diagrams, "DIAGRAMS", tmp_path)
    path = diagram(SOURCE)
    path.write_text(f'<svg data-source="{fingerprint(SOURCE)}"></svg>', "utf-8")
    assert stale(SOURCE) is None
    return path


def test_a_diagram_that_has_changed_is_stale(drawn: Path, monkeypatch) -> None:
    assert drawn.name == "two-tabs-and-a-third.svg"
    name = drawn.stem
    assert stale(SOURCE.replace("hello", "hi")) == (
        f"the diagram {name} is drawn from another source: {RUN}"
    )
    indented = SOURCE.replace("\n", "\n    ").rstrip()
    assert stale(indented) is None, "in a note, a fence is indented"
    for name in "MERMAID", "STYLE", "DRAW":
        with monkeypatch.context() as changed:
            changed.setattr(diagrams, name, "another")
            assert RUN in stale(SOURCE)
    with monkeypatch.context() as changed:
        changed.setitem(diagrams.SETTINGS, "fontSize", 15)
        assert RUN in stale(SOURCE)
    drawn.unlink()
    assert "is not drawn yet" in stale(SOURCE) and RUN in stale(SOURCE)


@pytest.mark.parametrize("key", ["accTitle", "accDescr"])
def test_a_diagram_has_a_title_and_a_description(drawn: Path, key: str) -> None:
    assert stale(SOURCE.replace(key, "accNothing")) == f"a diagram needs a line `{key}: …`"


def test_two_diagrams_have_two_titles(tmp_path: Path) -> None:
    fence = f"```mermaid\n{SOURCE}\n```\n"
    (tmp_path / "one.md").write_text(fence, "utf-8")
    assert len(on_pages(tmp_path)) == 1
    (tmp_path / "two.md").write_text(f"Words.\n\n{fence}", "utf-8")
    with pytest.raises(ValueError, match="two diagrams have the accTitle of two-tabs-and-a-third"):
        on_pages(tmp_path)


def test_a_drawing_without_a_page_is_an_orphan(drawn: Path) -> None:
    assert diagrams.orphans([SOURCE]) == []
    assert diagrams.orphans([]) == [drawn]


@pytest.mark.parametrize("number", [3, 5])
def test_a_recording_is_stale_once_what_it_shows_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("course.chapters.ROOT", tmp_path)
    monkeypatch.setattr(films, "RECORDINGS", tmp_path)
    shown = chapter(number)
    names = ["chat/templates/chat/room.html", "chat/static/chat/room.js", "chat/views.py"]
    names += ["chat/static/chat/chat.css", "mysite/settings.py"]
    names += ["chat/tests/test_browser.py"] if number == 5 else []  # a test is what it shows
    for name in names:
        (shown.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shown.folder / name).write_text("before")
    assert "there is no recording of" in films.stale(shown)
    path = tmp_path / shown.folder.name
    for end in ".png", ".webp", ".sha256":
        path.with_suffix(end).write_text("")
    for name in names:
        path.with_suffix(".sha256").write_text(films.fingerprint(shown))
        assert films.stale(shown) is None
        (shown.folder / name).write_text("after")
        problem = films.stale(shown)
        assert problem == f"{shown.folder.name} has changed since it was recorded: {RUN}", name
    path.with_suffix(".sha256").write_text(films.fingerprint(shown))
    monkeypatch.setitem(films.SCENES, number, films.hear_yourself)
    assert films.stale(shown), "another scene is another recording"


def test_a_recording_without_a_step_is_an_orphan(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(films, "RECORDINGS", tmp_path)
    (tmp_path / f"{CHAPTERS[0].folder.name}.png").touch()
    (tmp_path / "step9_gone.webp").touch()
    assert films.orphans() == [tmp_path / "step9_gone.webp"]


def test_the_last_run_is_stale_once_a_version_or_the_code_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record.last_run()
    monkeypatch.setattr(record, "LAST_RUN", tmp_path / "last-run.toml")
    assert record.last_run_stale() == f"last-run.toml cannot be read: {RUN}"
    pins = (record.ROOT / "requirements.txt").read_text("utf-8")
    versions = {
        name: re.search(rf"^{package}==(\S+)", pins, re.MULTILINE)[1]
        for name, package in record.PACKAGES.items()
    }
    run = replace(run, fingerprint=record.matrix_fingerprint(), versions=versions)
    record.LAST_RUN.write_text(run.toml(), "utf-8")
    assert record.last_run_stale() is None
    for name in record.PACKAGES:
        older = replace(run, versions=run.versions | {name: "0.1"})
        record.LAST_RUN.write_text(older.toml(), "utf-8")
        assert f"was last run with {name} 0.1, and requirements.txt" in record.last_run_stale()
        assert record.last_run_stale().endswith(RUN)
    record.LAST_RUN.write_text(replace(run, fingerprint="another").toml(), "utf-8")
    assert record.last_run_stale() == (
        f"the matrix, its scenarios or the steps have changed since their last run: {RUN}"
    )


def test_the_fingerprint_of_the_matrix_sees_what_its_tests_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("course.chapters.ROOT", tmp_path)
    monkeypatch.setattr(record, "ROOT", tmp_path)
    step = CHAPTERS[2].folder.name
    names = ["course/matrix.toml", "course/judge/scenarios/frames.py", f"{step}/chat/consumers.py"]
    names += [f"{step}/chat/templates/chat/room.html", f"{step}/chat/static/chat/room.js"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    seen = {record.matrix_fingerprint()}
    for name in names:
        (tmp_path / name).write_text("after")
        seen.add(record.matrix_fingerprint())
    assert len(seen) == len(names) + 1


# What is on a page


@every_drawing
def test_a_drawing_brings_nothing_but_shapes_that_follow_the_page(path: Path) -> None:
    text = path.read_text("utf-8")
    root = ElementTree.fromstring(text)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= diagrams.ELEMENTS | {"svg", "title", "desc", "style"}
    assert text.count("http") == 1, "the name of SVG is no address; there should be no other"
    named = {element.get("id"): element for element in root.iter() if element.get("id")}
    assert all(name.startswith(f"diagram-{path.stem}-") for name in named), "unique on a page"
    assert root.get("role") == "img"
    for label, tag in (("aria-labelledby", "title"), ("aria-describedby", "desc")):
        assert named[root.get(label)].tag == SVG + tag and named[root.get(label)].text
    assert len(path.read_bytes()) < 15_000


@every_drawing
def test_the_words_of_a_drawing_have_room(path: Path, browser) -> None:
    """In the font of this system's pages, which is not the one that it was measured with."""
    driver: WebDriver = browser()
    driver.get("data:text/html,<!doctype html><meta charset=utf-8><body style='margin:0'>")
    driver.execute_script("document.body.innerHTML = arguments[0]", path.read_text("utf-8"))
    crowded = driver.execute_script(
        """const svg = document.querySelector("svg");
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
    )
    assert crowded == []


@every_chapter
def test_a_recording_is_small_moves_for_seconds_and_starts_again(chapter: Chapter) -> None:
    from PIL import Image

    path = films.RECORDINGS / chapter.folder.name
    still, moving = path.with_suffix(".png"), path.with_suffix(".webp")
    for picture in still, moving:
        assert picture.stat().st_size <= films.MOST_BYTES
    with Image.open(moving) as film, Image.open(still) as picture:
        assert film.size == picture.size
        durations = []
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            durations.append(film.info["duration"])
        assert film.info["loop"] == 0, "for ever"
    least, most = films.SECONDS
    assert least * 1000 <= sum(durations) <= most * 1000
    assert durations[-1] >= films.PAUSE, "time to look, before it starts again"


# Drawing


HARM = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"
  viewBox="-2 -2 100 50" aria-roledescription="sequence" onload="alert(1)">
<script>alert(1)</script><style>@import url(https://evil.example);</style>
<foreignObject><b>b</b></foreignObject><image href="https://evil.example/a.png"/>
<a x:href="https://evil.example"><rect class="note"/></a>
<defs><marker id="diagram-two-tabs-and-a-third-arrow"><path d="M 0 0"/></marker>
<marker id="unused"><path d="M 0 0"/></marker></defs>
<g><line class="actor-line" x1="1" y2="2000" style="stroke: url(https://evil.example)"/>
<text y="10" onclick="alert(1)"><tspan dy="-7">Tab &amp; A</tspan></text></g>
<line class="messageLine0" marker-end="url(#diagram-two-tabs-and-a-third-arrow)"/>
</svg>"""


def test_only_shapes_are_kept_of_what_mermaid_draws() -> None:
    text = cleaned(HARM, SOURCE)
    for word in "script", "alert", "evil", "image", "foreign", "unused", "<a ", "2000":
        assert word not in text.replace('"http://www.w3.org/2000/svg"', "")
    root = ElementTree.fromstring(text)
    assert root.get("width") == "100" and root.get("viewBox") == "-2 -2 100 50"
    assert root.find(f"{SVG}title").text == "Two tabs, and a third"
    assert root.find(f"{SVG}desc").text == "A sends to B."
    assert root.find(f"{SVG}g/{SVG}line").get("y2") == "48"
    words = root.find(f"{SVG}g/{SVG}text")
    assert (words.text, words.get("y")) == ("Tab & A", "3")
    assert len(list(root.iter(f"{SVG}marker"))) == 1


def test_another_kind_of_diagram_is_refused() -> None:
    with pytest.raises(ValueError, match="two-tabs-and-a-third is no sequence diagram"):
        cleaned(HARM.replace("sequence", "flowchart-v2"), SOURCE)


@pytest.mark.skipif(
    not diagrams.KEPT.is_file(), reason="mermaid is not here: `learn.py record` brings it"
)
def test_a_diagram_drawn_twice_is_the_same_and_a_bad_one_is_refused() -> None:
    with diagrams.pen() as pen:
        one, *others = {pen.draw(SOURCE), pen.draw(SOURCE)}
        assert not others and "hello" in one
        with pytest.raises(ValueError, match=r"^the diagram two-tabs-and-a-third: .*line 4.*$"):
            pen.draw(SOURCE.replace("->>", " to "))


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the registry answers, in order."""
    answers: list[object] = []

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)

    monkeypatch.setattr(diagrams, "urlopen", urlopen)
    monkeypatch.setattr(diagrams, "KEPT", tmp_path / "mermaid.tgz")
    return answers


def test_mermaid_is_fetched_once_and_only_as_it_was(registry, monkeypatch) -> None:
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            script = tarfile.TarInfo("package/dist/mermaid.min.js")
            script.size = 7
            archive.addfile(script, io.BytesIO(b"mermaid"))
        tarball = file.getvalue()

    registry.append(URLError("no network"))
    with pytest.raises(ServeError, match=r"^Diagrams are drawn with https://.*: no network\.$"):
        diagrams.mermaid()
    registry.append(tarball)
    with pytest.raises(ServeError, match="is not what it was"):
        diagrams.mermaid()
    assert not diagrams.KEPT.exists()

    known = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    monkeypatch.setattr(diagrams, "INTEGRITY", known)
    registry.append(tarball)
    assert diagrams.mermaid() == "mermaid"
    assert diagrams.mermaid() == "mermaid" and not registry, "kept"
    diagrams.KEPT.write_bytes(b"half of it")
    registry.append(tarball)
    assert diagrams.mermaid() == "mermaid" and not registry, "fetched again"


# The last run


def report(*without: str, **instead: str) -> ElementTree.Element:
    """What pytest would report of the matrix; `instead` is what it says inside a case."""
    cases = []
    for row, step, layer in matrix.cells():
        name = f"step{step.number}-{row.id}-{layer}"
        if name not in without:
            inside = instead.get(name.replace("-", "__"), "")
            cases.append(f'<testcase name="test_cell[{name}]@group">{inside}</testcase>')
    cases.append('<testcase name="test_every_row_has_its_scenario"/>')
    return ElementTree.fromstring(
        f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"
    )


def test_the_cells_are_counted() -> None:
    held, disproven, skipped = record.counted(report())
    marks = [row.mark(step) for row, step, _ in matrix.cells()]
    assert (held, disproven, skipped) == (marks.count("✔"), marks.count("✘"), {})
    skip = {"step1__choose_room__memory": '<skipped message="no browser"/>'}
    assert record.counted(report(**skip)) == (held - 1, disproven, {"no browser": 1})


@pytest.mark.parametrize("inside", ["<failure/>", "<error/>"])
def test_a_cell_that_fails_is_not_counted(inside: str) -> None:
    with pytest.raises(ServeError, match="step1-choose_room-memory did not pass"):
        record.counted(report(step1__choose_room__memory=inside))
    with pytest.raises(ServeError, match="step1-choose_room-memory did not pass"):
        record.counted(report("step1-choose_room-memory"))


def test_a_run_that_fails_is_not_written_down(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(record, "LAST_RUN", tmp_path / "last-run.toml")
    monkeypatch.setattr(
        record.subprocess, "run", lambda *_, **__: CompletedProcess((), 1, "1 failed")
    )
    with pytest.raises(ServeError, match=r"1 failed\n.*not written down: it has to pass\."):
        record.run_matrix()
    assert not record.LAST_RUN.exists()


def test_the_last_run_is_told_in_a_sentence(tmp_path: Path, monkeypatch) -> None:
    run = replace(
        record.last_run(), seconds=96, held=90, disproven=6, skipped={'no "redis" \\ here': 3}
    )
    monkeypatch.setattr(record, "LAST_RUN", tmp_path / "last-run.toml")
    record.LAST_RUN.write_text(run.toml(), "utf-8")
    assert record.last_run() == run
    sentence = run.markdown()
    assert sentence.startswith(f"Last run: {run.date.day} ") and ", in 96 s, on " in sentence
    assert sentence.endswith(
        "90 runs of a ✔ held, 6 runs of a ✘ proved that it does not hold yet and 3 were not "
        'possible (no "redis" \\ here).'
    )


# The command


def test_only_what_is_out_of_date_is_made(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    made: list[object] = []
    monkeypatch.setattr(record.readme, "with_tables", lambda text: text)
    monkeypatch.setattr(films, "orphans", lambda: [])
    monkeypatch.setattr(record, "_draw", lambda sources: iter(["drawn"] * len(sources)))
    monkeypatch.setattr(diagrams, "on_pages", lambda: [SOURCE])
    monkeypatch.setattr(diagrams, "orphans", lambda sources: [])
    monkeypatch.setattr(films, "record", made.append)
    monkeypatch.setattr(record, "run_matrix", lambda: made.append("matrix"))
    monkeypatch.setattr(record, "stale", lambda source: None)
    monkeypatch.setattr(films, "stale", lambda chapter: None)
    monkeypatch.setattr(record, "last_run_stale", lambda: None)
    record.main()
    assert capsys.readouterr().out == "Nothing is out of date.\n" and not made
    monkeypatch.setattr(films, "stale", lambda each: each == chapter(3) or None)
    record.main()
    assert capsys.readouterr().out == "docs/recordings/step3_channel_layer: .png and .webp\n"
    assert made == [chapter(3)]
    made.clear()
    record.main(everything=True)
    assert made == [*CHAPTERS, "matrix"]
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(CHAPTERS) + 1


def test_a_step_without_a_scene_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(films.SCENES, 3)
    with pytest.raises(ServeError, match="step3_channel_layer has no scene yet"):
        films.record(chapter(3))


def test_a_scene_that_does_not_come_true_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(films, "RECORDINGS", tmp_path / "recordings")
    monkeypatch.setattr("course.judge.browser.PATIENCE", 1)
    monkeypatch.setitem(films.SCENES, 2, films.hear_each_other)
    with pytest.raises(ServeError, match=r"step2_sync_consumer does not play its scene: Tab B"):
        films.record(chapter(2))
    assert list(tmp_path.glob("recordings/*")) == []
