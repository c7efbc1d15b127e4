"""The channel layers that a step can run on, unchanged: layers/ has settings for each. The table of
what works on which of them is drawn from the matrix."""

from dataclasses import dataclass

from course import matrix
from course.chapters import ROOT, chapter

STEP = chapter(4)  # the step on which the rows are played: it stands for all that have a layer


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


def rows() -> list[matrix.Behaviour]:
    """Return the rows that are played on every layer."""
    return [
        row
        for row in matrix.load()
        if row.mark(STEP) == "✔" and not row.needs & {"no redis", "folder"}
    ]


def mark(row: matrix.Behaviour, layer: Layer) -> str:
    """Return ✔, ✘ or – for a row on a layer."""
    return row.on_layers.get(layer.name, {}).get("mark", "✔")


def markdown() -> str:
    """Return what holds on which layer as a Markdown table, and below it the reason of each ✘."""
    lines = ["| | " + " | ".join(layer.title for layer in LAYERS.values()) + " |"]
    lines.append("| --- |" + " :-: |" * len(LAYERS))
    reasons: list[str] = []
    for row in rows():
        marks = []
        for layer in LAYERS.values():
            marks.append(mark(row, layer))
            if marks[-1] == "✘":
                reasons.append(f"**{layer.title}:** {row.on_layers[layer.name]['why']}")
                marks[-1] += f"<sup>{len(reasons)}</sup>"
        lines.append(f"| {row.words} | {' | '.join(marks)} |")
    numbered = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join([*lines, "", *numbered]) + "\n"
