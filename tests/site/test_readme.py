"""What the README shows is fresh."""

import re

import pytest

from course.chapters import ROOT
from course.record import readme


def test_the_tables_are_fresh() -> None:
    text = readme.README.read_text("utf-8")
    assert readme.with_tables(text) == text, "run `python3 learn.py record`"


def test_the_picture_is_there() -> None:
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", readme.README.read_text("utf-8"))
    assert pictures and all((ROOT / picture).is_file() for picture in pictures)


def test_a_readme_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places for the table of chapters"):
        readme.with_tables("")
