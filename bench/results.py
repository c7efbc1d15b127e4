"""What a run found, read back: medians, spreads and ratios, and the numbers in a page's prose."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from course.chapters import ROOT

FILE = ROOT / "bench" / "results.json"


class ResultError(ValueError):
    """The results do not have what is asked of them; the text says what."""


@dataclass(frozen=True)
class Measure:
    """One thing that is measured: its title, the head of its column in a table, its unit."""

    title: str
    head: str
    unit: str = ""


MEASURES = {
    "throughput": Measure("Messages delivered in a second", "delivered in a second"),
    "cpu": Measure("Processor time of the server for a delivery", "processor time each", "µs"),
    "latency_p50": Measure("Delay of a delivery: half of them are faster", "delay, median", "ms"),
    "latency_p99": Measure("Delay of a delivery: 99 of 100 are faster", "delay, p99", "ms"),
    "burst": Measure("Messages lost out of a burst of 300", "lost out of 300"),
    "accept": Measure("Sockets opened in a second", "sockets opened in a second"),
    "memory": Measure("Memory for 1,000 idle tabs", "1,000 idle tabs", "MB"),
}


def number(value: float) -> str:
    """Return a value as people write it: to two digits or three."""
    digits = 0 if value >= 99.5 else 1 if value >= 0.95 else 2
    rounded = float(f"{value:.3g}") if value >= 99.5 else value
    return "0" if value == 0 else f"{rounded:,.{digits}f}".removesuffix(".0")


@dataclass(frozen=True)
class Results:
    """One run. A `name` is that of a configuration. A `key` is a measure, with a number of tabs if
    it varies with it, and with a base for a ratio: `burst`, `cpu 100`, `cpu 100 / websockets`."""

    data: dict

    @classmethod
    def read(cls, path: Path = FILE) -> "Results":
        """Read a file that `learn.py bench --json` has written."""
        return cls(json.loads(path.read_text("utf-8")))

    def names(self) -> list[str]:
        """Return the names of what was measured."""
        return list(self.data["configurations"])

    def values(self, key: str, name: str) -> list[float]:
        """Return what the rounds found. Ratios are taken round by round, so that what slows a whole
        round down does not count. Raise ResultError if it was not measured."""
        key, _, base = (part.strip() for part in key.partition("/"))
        found = self.data["configurations"].get(name, {}).get(key)
        if not found:
            raise ResultError(f"there is no {key} of {name} in the results")
        pairs = zip(found, self.values(key, base) if base else [1] * len(found), strict=True)
        try:
            return [ours / theirs for ours, theirs in pairs]
        except ZeroDivisionError:
            raise ResultError(f"{key} of {base} is 0: nothing is a multiple of it") from None

    def has(self, key: str, name: str) -> bool:
        """Say whether this was measured."""
        try:
            return bool(self.values(key, name))
        except ResultError:
            return False

    def ask(self, question: str) -> float:
        """Return the median for `throughput 100 A`, or `throughput 100 A / B` for the ratio."""
        parts = re.fullmatch(r"(\w+(?: \d+)?) ([\w-]+)( / [\w-]+)?", question)
        if not parts:
            raise ResultError("this is not MEASURE NAME, or MEASURE NAME / NAME")
        return median(self.values(parts[1] + (parts[3] or ""), parts[2]))


# Numbers in prose: {{ bench throughput 100 fan_out-pubsub-uvicorn / websockets | percent }}

PLACE = re.compile(r"\{\{\s*bench\b(.*?)(?:\}\}|\Z)", re.DOTALL)
FORMATS: dict[str, Callable[[float], str]] = {
    "": number,
    "rounded": lambda value: f"{float(f'{value:.2g}'):,g}",
    "percent": lambda value: f"{value:.0%}".replace("%", "\N{NO-BREAK SPACE}%"),
}


def fill_in(page: str, results: Results) -> str:
    """Return a page with its numbers; raise ResultError, with the line, if there is no such."""

    def drawn(place: re.Match) -> str:
        question, _, form = (part.strip() for part in " ".join(place[1].split()).partition("|"))
        try:
            if form not in FORMATS:
                raise ResultError(f"“{form}” is none of {', '.join(filter(None, FORMATS))}")
            return FORMATS[form](results.ask(question))
        except ResultError as error:
            line = page.count("\n", 0, place.start()) + 1
            raise ResultError(f"line {line}, bench {question}: {error}") from None

    return PLACE.sub(drawn, page)
