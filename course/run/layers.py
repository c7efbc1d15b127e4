"""The channel layers that a step can run on, unchanged: layers/ has settings for each. What the
chat does on which of them is read from layers.toml, and drawn as Markdown."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from course import matrix
from course.chapters import ROOT, Chapter, chapter

DATA = Path(__file__).with_name("layers.toml")


@dataclass(frozen=True)
class Layer:
    """A channel layer: its name, as `--layer` takes it and as pages call it, and the service behind
    it, if any."""

    name: str
    title: str
    service: str | None = None

    @property
    def settings(self) -> str:
        """The module of settings that a step runs with."""
        return f"layers.{self.name.replace('-', '_')}"

    def environment(self, url: str | None = None) -> dict[str, str]:
        """Return what a step's server needs in its environment; `url` is where the service is."""
        service = {f"{self.service.upper()}_URL": url} if self.service and url else {}
        return {"DJANGO_SETTINGS_MODULE": self.settings, "PYTHONPATH": str(ROOT), **service}


LAYERS = {
    layer.name: layer
    for layer in (
        Layer("memory", "in memory"),
        Layer("redis", "Redis, core", "redis"),
        Layer("redis-pubsub", "Redis, pub/sub", "redis"),
        Layer("rabbitmq", "RabbitMQ", "rabbitmq"),
    )
}


@dataclass(frozen=True)
class Row:
    """One row; layers.toml says what each field is for. `cells` is by layer."""

    id: str
    words: str
    cells: dict[str, str]
    why: dict[str, str] = field(default_factory=dict)


def load(path: Path = DATA) -> list[Row]:
    """Return the rows in order; raise ValueError for one that cannot be understood."""
    words = {row.id: row.words for row in matrix.load()}
    rows = []
    for row in tomllib.loads(path.read_text(encoding="utf-8"))["row"]:
        name, marks = row["id"], row["cells"].split()
        if len(marks) != len(LAYERS) or not set(marks) <= set("✔✘–"):
            raise ValueError(f"{name}: one ✔, ✘ or – for each of {len(LAYERS)} layers")
        cells = dict(zip(LAYERS, marks, strict=True))
        why = row.get("why", {})
        if why.keys() != {layer for layer, mark in cells.items() if mark == "✘"}:
            raise ValueError(f"{name}: a reason for each ✘, and for nothing else")
        if not (said := row.get("words") or words.get(name)):
            raise ValueError(f"{name} is no row of matrix.toml, so it needs words")
        rows.append(Row(name, said, cells, why))
    return rows


def steps(path: Path = DATA) -> list[Chapter]:
    """Return the chapters on which the rows are played."""
    return [chapter(number) for number in tomllib.loads(path.read_text(encoding="utf-8"))["steps"]]


def markdown() -> str:
    """Return the rows as a Markdown table, and below it the reason of each ✘."""
    rows, reasons = load(), []
    lines = ["| | " + " | ".join(layer.title for layer in LAYERS.values()) + " |"]
    lines.append("| --- |" + " :-: |" * len(LAYERS))
    for row in rows:
        marks = []
        for layer, mark in row.cells.items():
            if mark == "✘":
                reasons.append(f"**{LAYERS[layer].title}:** {row.why[layer]}")
                mark += f"<sup>{len(reasons)}</sup>"
            marks.append(mark)
        lines.append(f"| {row.words} | {' | '.join(marks)} |")
    numbered = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join([*lines, "", *numbered]) + "\n"
