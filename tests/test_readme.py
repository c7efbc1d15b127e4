"""What the README shows is fresh."""

import pytest

from course import readme


def test_the_tables_are_fresh() -> None:
    text = readme.README.read_text("utf-8")
    assert readme.with_tables(text) == text, "run `python -m course.readme`"


def test_the_picture_is_fresh() -> None:
    drawn_from = readme.FINGERPRINT.read_text("utf-8").strip()
    assert drawn_from == readme.fingerprint(), "run `python -m course.readme`"
    assert readme.PICTURE.read_bytes().startswith(b"\x89PNG")


def test_the_fingerprint_sees_every_file_that_is_drawn(tmp_path, monkeypatch) -> None:
    folder = tmp_path / readme.SHOWN.folder.name
    for name in ("templates/chat/room.html", "static/chat/chat.css", "static/chat/room.js"):
        path = folder / "chat" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("before")
    monkeypatch.setattr("course.chapters.ROOT", tmp_path)
    seen = {readme.fingerprint()}
    for path in sorted(folder.rglob("*.*")):
        path.write_text("after")
        seen.add(readme.fingerprint())
    assert len(seen) == 4


def test_a_readme_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places for the table of chapters"):
        readme.with_tables("")
