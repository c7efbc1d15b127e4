"""The scenarios: for each row of the matrix, a function that proves it, or proves its absence.

They know a site by its address and its pages: no step's folder, no test."""

from collections.abc import Callable
from importlib import import_module

from course.scenarios.stage import Stage

Scenario = Callable[[Stage], None]

HOLDS: dict[str, Scenario] = {}
DOES_NOT_HOLD: dict[str, Scenario] = {}


def holds(row: str) -> Callable[[Scenario], Scenario]:
    """Register the scenario that proves that this row holds."""
    return lambda scenario: HOLDS.setdefault(row, scenario)


def does_not_hold(row: str) -> Callable[[Scenario], Scenario]:
    """Register the scenario that proves that this row does not hold yet."""
    return lambda scenario: DOES_NOT_HOLD.setdefault(row, scenario)


for module in ("pages", "messages", "frames", "failures"):
    import_module(f"course.scenarios.{module}")
