"""The chapters, listed once and read by everything else. This module imports nothing of ours."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent

# What a step has but does not teach: a page shows it folded. So are empty __init__.py files.
PROVIDED = ("README.md", "manage.py", "chat/static/chat/chat.css", "chat/static/chat/socket.js")


@dataclass(frozen=True)
class Chapter:
    """One chapter: its number, the name in its folder's name, what it adds, what a person sees."""

    number: int
    name: str
    concept: str
    sees: str
    services: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The chapter's Django project."""
        return ROOT / f"step{self.number}_{self.name}"

    @property
    def port(self) -> int:
        """The TCP port that the chapter is served on unless the learner says otherwise."""
        return 8000 + self.number


CHAPTERS = (
    Chapter(
        1,
        "views",
        "HTTP routing: URLs, views, templates, and an ASGI application served by Daphne",
        "pages to choose and enter a room; nobody listens yet",
    ),
    Chapter(
        2,
        "sync_consumer",
        "WebSocket routing and a `WebsocketConsumer`",
        "a tab hears itself; a second tab in the room hears nothing",
    ),
    Chapter(
        3,
        "channel_layer",
        "groups on a channel layer (Redis)",
        "everybody in the room hears everybody; other rooms hear nothing",
        ("redis",),
    ),
    Chapter(
        4,
        "async",
        "`AsyncWebsocketConsumer`",
        "the same to the eye; a slow Redis in one room no longer holds up the others",
        ("redis",),
    ),
    Chapter(
        5,
        "testing",
        "tests: `WebsocketCommunicator`, pytest-django, Selenium with two tabs",
        "the same chat, and a test suite that goes red when it breaks",
        ("redis",),
    ),
    Chapter(
        6,
        "fan_out",
        "a hub: one subscription for each room and process, and an outbox for each tab",
        "the same for a thousand tabs; one that stops reading loses its own socket only",
        ("redis",),
    ),
)


def chapter(number: int) -> Chapter:
    """Return the chapter with this number; raise LookupError, naming those there are."""
    for candidate in CHAPTERS:
        if candidate.number == number:
            return candidate
    listed = ", ".join(f"{each.number} ({each.name})" for each in CHAPTERS)
    raise LookupError(f"There is no step {number}. The steps are {listed}.")


def predecessor(chapter: Chapter) -> Path | None:
    """Return the folder of the chapter before this one; None for the first."""
    index = CHAPTERS.index(chapter)
    return CHAPTERS[index - 1].folder if index else None


def provided(path: str) -> bool:
    """Return whether a file of a step (its path there) is provided, not taught."""
    return path in PROVIDED or PurePosixPath(path).name == "__init__.py"
