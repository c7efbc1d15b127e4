"""A plugin for pytest that films what the tests of a step do in their tabs."""

import functools
import json
import os
from pathlib import Path

WIDTH, HEIGHT, SCALE = 340, 530, 2  # of a tab, in the page's pixels, each drawn as SCALE² dots
MOST_PICTURES = 5  # of one text that is typed

views: list[dict] = []
windows: list[str] = []


def resize(driver) -> None:
    """Give the tab that the driver looks at the size of a film."""
    metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})


def shoot(tab, typing: bool = False) -> None:
    """Keep a picture of a tab, which is the one that the driver looks at."""
    folder = Path(os.environ["FILM"])
    if tab.window not in windows:
        windows.append(tab.window)
        resize(tab.browser)
    (folder / f"{len(views)}.png").write_bytes(tab.browser.get_screenshot_as_png())
    name = "ABCDEFGH"[windows.index(tab.window)]
    views.append({"tab": name, "url": tab.browser.current_url, "typing": typing})
    (folder / "views.json").write_text(json.dumps(views))


def pytest_collection_finish(session) -> None:
    """pytest calls this once it knows the tests: film what they type, and what they wait for."""
    for tab in {item.module.Tab for item in session.items}:
        tab.type = _letter_by_letter(tab.type)
        tab.should_show = _seen(tab.should_show)


def _letter_by_letter(types):
    @functools.wraps(types)
    def typed(tab, element_id, *keys):
        for text in keys:
            letters = -(-len(text) // MOST_PICTURES)
            for start in range(0, len(text), letters):
                types(tab, element_id, text[start : start + letters])
                if len(text) > 1:
                    shoot(tab, typing=True)

    return typed


def _seen(should_show):
    @functools.wraps(should_show)
    def seen(tab, *arguments):
        should_show(tab, *arguments)
        shoot(tab)

    return seen
