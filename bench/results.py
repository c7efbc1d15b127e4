"""What a run found, read back: medians, spreads and ratios, and the numbers in a page's prose."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from course.chapters import ROOT

FILE = ROOT / "bench" / "results.json"
MEASURES = {  # name in the results: name for people, and unit
    "throughput": ("deliveries in a second", ""),
    "cpu": ("processor time for a delivery", "µs"),
    "latency_p50": ("delay, median", "ms"),
    "latency_p99": ("delay, p99", "ms"),
    "burst": ("lost out of 300 messages", ""),
    "accept": ("sockets opened in a second", ""),
    "memory": ("memory for 1,000 idle tabs", "MB"),
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

    def values(self, key: str, name: str) -> list[float]:
        """Return what the rounds found: nothing if it was not measured. Ratios are taken round by
        round, so that what slows a whole round down does not count."""
        key, _, base = (part.strip() for part in key.partition("/"))
        found = self.data["configurations"].get(name, {}).get(key, [])
        bases = self.values(key, base) if base else [1] * len(found)
        if 0 in bases:
            raise ValueError(f"{key} of {base} is 0: nothing is a multiple of it")
        return [ours / theirs for ours, theirs in zip(found, bases, strict=False)]

    def spread(self, key: str, name: str) -> tuple[float, float, float] | None:
        """Return the smallest round, the median and the largest; None if it was not measured."""
        values = self.values(key, name)
        return (min(values), median(values), max(values)) if values else None

    def ask(self, question: str) -> float:
        """Return the median for `throughput 100 A`, or `throughput 100 A / B` for the ratio."""
        parts = re.fullmatch(r"(\w+(?: \d+)?) ([\w-]+)( / [\w-]+)?", question)
        if not parts:
            raise ValueError("this is not MEASURE NAME, or MEASURE NAME / NAME")
        key, name = parts[1] + (parts[3] or ""), parts[2]
        if not (values := self.values(key, name)):
            raise ValueError(f"there is no {key} of {name} in the results")
        return median(values)


# Numbers in prose: {{ bench throughput 100 fan_out-pubsub-uvicorn / websockets | percent }}

PLACE = re.compile(r"\{\{\s*bench\b(.*?)(?:\}\}|\Z)", re.DOTALL)
FORMATS: dict[str, Callable[[float], str]] = {
    "": number,
    "rounded": lambda value: f"{float(f'{value:.2g}'):,g}",
    "percent": lambda value: f"{value:.0%}".replace("%", "\N{NO-BREAK SPACE}%"),
}


def fill_in(page: str, results: Results) -> str:
    """Return a page with its numbers; raise ValueError, with the line, if there is no such."""

    def drawn(place: re.Match) -> str:
        question, _, form = (part.strip() for part in " ".join(place[1].split()).partition("|"))
        try:
            if form not in FORMATS:
                raise ValueError(f"“{form}” is none of {', '.join(filter(None, FORMATS))}")
            return FORMATS[form](results.ask(question))
        except ValueError as error:
            line = page.count("\n", 0, place.start()) + 1
            raise ValueError(f"line {line}, bench {question}: {error}") from None

    return PLACE.sub(drawn, page)
