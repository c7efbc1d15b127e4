"""The scenarios: for each row of the matrix, functions that prove it, or prove its absence.

They know a site by its address and its pages: no step's folder, no test. What proves that a row
holds has up to two parts: over HTTP and bare sockets, which takes milliseconds, and in tabs, for
what only a page can show."""

from collections.abc import Callable
from importlib import import_module

from course.judge.scenarios.stage import Stage

Scenario = Callable[[Stage], None]

ON_THE_WIRE: dict[str, Scenario] = {}
IN_TABS: dict[str, Scenario] = {}
DOES_NOT_HOLD: dict[str, Scenario] = {}


def on_the_wire(row: str) -> Callable[[Scenario], Scenario]:
    """Register what proves, without a page, that this row holds."""
    return lambda scenario: ON_THE_WIRE.setdefault(row, scenario)


def in_tabs(row: str) -> Callable[[Scenario], Scenario]:
    """Register what proves, in tabs, that this row holds."""
    return lambda scenario: IN_TABS.setdefault(row, scenario)


def does_not_hold(row: str) -> Callable[[Scenario], Scenario]:
    """Register the scenario that proves that this row does not hold yet."""
    return lambda scenario: DOES_NOT_HOLD.setdefault(row, scenario)


def parts(row: str) -> list[Scenario]:
    """Return what proves together that this row holds, the quickest part first."""
    return [kind[row] for kind in (ON_THE_WIRE, IN_TABS) if row in kind]


for module in ("pages", "messages", "frames", "failures", "own_tests"):
    import_module(f"course.judge.scenarios.{module}")
