"""The pages whose commands take long, and the blocks that need Docker."""

from pathlib import Path

import pytest

from tests.site.prose import check, of, start
from tests.site.test_prose import PAGES, SLOW, pytestmark  # noqa: F401  (it is the same here)
from tests.slow.test_docker import DOWN, no_engine

WITH_DOCKER = [page for page in PAGES if '"Docker' in page.read_text("utf-8")]


@of(SLOW)
def test_what_a_page_shows_happens(page: Path, tmp_path: Path, subtests: pytest.Subtests) -> None:
    check(page, tmp_path, subtests)


@of(WITH_DOCKER)
def test_what_a_page_shows_happens_with_docker(page, tmp_path, subtests):
    if reason := no_engine():
        pytest.skip(reason)
    try:
        check(page, tmp_path, subtests, docker=True)
    finally:
        start(DOWN[1], tmp_path / "course", tmp_path / "course", tmp_path / "down.txt").wait()
