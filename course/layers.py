"""The channel layers that a step can run on, unchanged: layers/ has settings for each."""

from dataclasses import dataclass

from course.chapters import ROOT


@dataclass(frozen=True)
class Layer:
    """A channel layer: its name, as `--layer` takes it, and the service behind it, if any."""

    name: str
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
        Layer("memory"),
        Layer("redis", "redis"),
        Layer("redis-pubsub", "redis"),
        Layer("rabbitmq", "rabbitmq"),
    )
}
