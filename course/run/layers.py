"""The channel layers that a step can run on, unchanged: layers/ has settings for each."""

from typing import NamedTuple

from course import matrix
from course.chapters import ROOT, chapter

STEP = chapter(4)  # the step on which the rows are played: it stands for all that have a layer


class Layer(NamedTuple):
    """A channel layer: its name for `--layer`, its name on pages, and its service, if any."""

    name: str
    title: str
    service: str = ""

    @property
    def variable(self) -> str:
        """The variable with the address of the service."""
        return f"{self.service.upper()}_URL" if self.service else ""

    @property
    def settings(self) -> str:
        """The module of settings that a step runs with."""
        return f"layers.{self.name.replace('-', '_')}"

    def environment(self, url: str | None = None) -> dict[str, str]:
        """Return what a step's server needs in its environment; `url` is where the service is."""
        service = {self.variable: url} if url else {}
        return {"DJANGO_SETTINGS_MODULE": self.settings, "PYTHONPATH": str(ROOT), **service}


LAYERS = {
    "memory": Layer("memory", "in memory"),
    "redis": Layer("redis", "Redis, core", "redis"),
    "redis-pubsub": Layer("redis-pubsub", "Redis, pub/sub", "redis"),
    "rabbitmq": Layer("rabbitmq", "RabbitMQ", "rabbitmq"),
}


def rows() -> list[matrix.Behaviour]:
    """Return the rows that are played on every layer."""
    held = [row for row in matrix.load() if row.mark(STEP) == "✔"]
    return [row for row in held if not row.needs & {"no redis", "folder"}]


def cell(row: matrix.Behaviour, layer: Layer) -> matrix.Cell:
    """Return what becomes of a row on a layer."""
    return row.layers.get(layer.name, matrix.Cell("✔"))


def markdown() -> str:
    """Return what holds on which layer as a Markdown table, and below it the reason of each ✘."""
    lines = ["| | " + " | ".join(layer.title for layer in LAYERS.values()) + " |"]
    lines.append("| --- |" + " :-: |" * len(LAYERS))
    reasons: list[str] = []
    for row in rows():
        marks = []
        for layer in LAYERS.values():
            there = cell(row, layer)
            marks.append(there.mark)
            if there.why:
                reasons.append(f"{len(reasons) + 1}. **{layer.title}:** {there.why}")
                marks[-1] += f"<sup>{len(reasons)}</sup>"
        lines.append(f"| {row.words} | {' | '.join(marks)} |")
    return "\n".join([*lines, "", *reasons]) + "\n"
