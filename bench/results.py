"""What a run found, read back: medians, spreads, ratios, and the sentences that quote them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from textwrap import dedent

from course.chapters import ROOT

FILE = ROOT / "bench" / "results.json"
ABOUT = 0.15  # how far “about 9 times” may be off


class ResultError(ValueError):
    """Something that is asked of the results and is not there; its text says what."""


@dataclass(frozen=True)
class Measure:
    """One thing that is measured: for people, its name and its unit; is more of it better?"""

    title: str
    unit: str
    more: bool = False

    def text(self, value: float) -> str:
        """Return a value as people write it, with its unit."""
        return f"{self.number(value)} {self.unit}".rstrip()

    def number(self, value: float) -> str:
        """Return a value as people write it: to two digits or three."""
        digits = 0 if value >= 99.5 else 1 if value >= 0.95 else 2
        rounded = float(f"{value:.3g}") if value >= 99.5 else value
        return "0" if value == 0 else f"{rounded:,.{digits}f}".removesuffix(".0")


MEASURES = {
    "throughput": Measure("messages delivered in a second", "", more=True),
    "cpu": Measure("processor time of the server for a delivery", "µs"),
    "latency_p50": Measure("delay of a delivery: half of them are faster", "ms"),
    "latency_p99": Measure("delay of a delivery: 99 of 100 are faster", "ms"),
    "burst": Measure("messages lost out of a burst of 300", ""),
    "accept": Measure("sockets opened in a second", "", more=True),
    "memory": Measure("memory for 1,000 tabs that say nothing", "MB"),
    "load": Measure("how busy the process was that opened the tabs", ""),
}


@dataclass(frozen=True)
class Results:
    """One run."""

    data: dict

    @classmethod
    def read(cls, path: Path = FILE) -> "Results":
        """Read a file that `learn.py bench --json` has written."""
        return cls(json.loads(path.read_text("utf-8")))

    def names(self) -> list[str]:
        """Return the names of what was measured."""
        return list(self.data["configurations"])

    def values(self, key: str, name: str) -> list[float]:
        """Return what the rounds found, given a measure, with or without a number of tabs, and the
        name of a configuration; raise ResultError if that is not there."""
        if name not in self.data["configurations"]:
            raise ResultError(f"there is no {name} in the results")
        found = self.data["configurations"][name]
        keys = [key] if key in found else [each for each in found if each.split()[0] == key]
        if len(keys) != 1:
            raise ResultError(f"there is no {key} of {name}: there are {', '.join(found)}")
        return found[keys[0]]

    def median(self, key: str, name: str) -> float:
        """Return the middle one of the rounds."""
        return median(self.values(key, name))

    def has(self, key: str, name: str) -> bool:
        """Say whether this was measured."""
        try:
            return bool(self.values(key, name))
        except ResultError:
            return False

    def ratios(self, key: str, name: str, base: str) -> list[float]:
        """Return how many times `base` it is, round by round, so that what slows a whole round
        down does not count."""
        pairs = zip(self.values(key, name), self.values(key, base), strict=True)
        try:
            return [ours / theirs for ours, theirs in pairs]
        except ZeroDivisionError:
            raise ResultError(f"{key} of {base} is 0: nothing is a multiple of it") from None

    def ratio(self, key: str, name: str, base: str) -> float:
        """Return the middle one of these."""
        return median(self.ratios(key, name, base))

    def ask(self, question: str) -> float:
        """Answer `throughput 100 A`, or `throughput 100 A / B` with the ratio."""
        key, names = re.fullmatch(r"(\w+(?: \d+)?) (\S.*)", question.strip()).groups()
        ours, _, base = (each.strip() for each in names.partition(" / "))
        return self.ratio(key, ours, base) if base else self.median(key, ours)

    def cell(self, key: str, name: str) -> str:
        """Return a table's cell, given a measure or, as `throughput 100 / websockets`, a ratio: the
        middle one and, below it, the smallest and the largest."""
        key, _, base = (each.strip() for each in key.partition("/"))
        if not self.has(key, name) or (base and not self.has(key, base)):
            return "–"
        measure = Measure("", "") if base else MEASURES[key.split()[0]]
        values = self.ratios(key, name, base) if base else self.values(key, name)
        low, high = measure.number(min(values)), measure.number(max(values))
        middle = measure.text(median(values)).replace(" ", "\N{NO-BREAK SPACE}")
        return middle if low == high else f"{middle}<br><small>{low}–{high}</small>"


# A number in prose, with the comment that says where it comes from:
#   about 9 times<!-- bench: throughput 100 step6-pubsub-uvicorn / step4-pubsub-daphne -->

WORDS = {
    "none": 0, "twice": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "half": 1 / 2, "a third": 1 / 3, "a quarter": 1 / 4,
    "a fifth": 1 / 5, "a tenth": 1 / 10, "two thirds": 2 / 3, "three quarters": 3 / 4,
}  # fmt: skip
RELATIONS = {
    "about": lambda value, said: abs(value / said - 1) <= ABOUT,
    "more than": lambda value, said: value > said,
    "at least": lambda value, said: value >= said,
    "less than": lambda value, said: value < said,
    "at most": lambda value, said: value <= said,
}
UNITS = {"%": 0.01, "s": 1000}  # ratios are told in %, too; delays are kept in ms
MARK = re.compile(r"<!--\s*bench:\s*(?P<question>.*?)\s*-->", re.DOTALL)
NUMBER = re.compile(
    rf"(?:(?P<relation>{'|'.join(RELATIONS)}) )?"
    rf"(?P<number>\d[\d,]*(?:\.\d+)?|\b(?:{'|'.join(sorted(WORDS, key=len, reverse=True))})\b)"
    r"(?:\s*(?P<unit>%|ms|µs|MB|s)(?!\w))?",
    re.IGNORECASE,
)
TAIL = re.compile(r"[*_]*(?: [^\W\d]+){0,6}[*_]*")  # the words between a number and its comment


@dataclass(frozen=True)
class Claim:
    """A number on a page, with the page's line that it stands in and what it is said to be."""

    line: int
    text: str
    question: str

    def problem(self, results: Results) -> str | None:
        """Return what is wrong with it, or None if the results say the same."""
        try:
            value = results.ask(self.question)
        except (ResultError, AttributeError) as error:
            return f"line {self.line}: “{self.question}” has no answer: {error}"
        numbers = [
            number
            for number in NUMBER.finditer(self.text)
            if TAIL.fullmatch(self.text, number.end())
        ]
        if not numbers:
            return f"line {self.line}: no number before this comment: “…{self.text[-40:]}”"
        found = numbers[-1]
        said = WORDS.get(found["number"].lower())
        said = float(found["number"].replace(",", "")) if said is None else said
        said *= UNITS.get(found["unit"] or "", 1)
        relation = (found["relation"] or "").lower()
        good = RELATIONS.get(relation, self._as_written)
        if good(value, said):
            return None
        return (
            f"line {self.line}: “{self.text[found.start() :]}”, but {self.question} is {value:.4g}"
        )

    @staticmethod
    def _as_written(value: float, said: float) -> bool:
        """Say whether a number without “about” is the value, rounded to as many digits."""
        digits = len(f"{said:.6g}".replace(".", "").strip("0")) or 1
        return float(f"{value:.{digits}g}") == float(f"{said:.6g}")


def claims(page: str) -> Iterator[Claim]:
    """Return the numbers on a page that come from the results."""
    end = 0
    for mark in MARK.finditer(page):
        before = " ".join(dedent(page[end : mark.start()]).split())
        line = page.count("\n", 0, mark.start()) + 1
        yield Claim(line, before[-120:], " ".join(mark["question"].split()))
        end = mark.end()
