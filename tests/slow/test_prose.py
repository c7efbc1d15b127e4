"""The pages whose commands take long."""

from pathlib import Path

import pytest

from tests.site.prose import check, of
from tests.site.test_prose import SLOW, pytestmark  # noqa: F401  (the same for both)


@of(SLOW)
def test_what_a_page_shows_happens(page: Path, tmp_path: Path, subtests: pytest.Subtests) -> None:
    check(page, tmp_path, subtests)
