"""The chapters, listed in chapters.toml and read by everything else."""

import tomllib
from pathlib import Path, PurePosixPath

import msgspec

ROOT = Path(__file__).resolve().parent.parent

# What a step has but does not teach: a page shows it folded. So are migrations.
PROVIDED = {"README.md", "manage.py", "socket.js", "__init__.py"}
PROVIDED |= {"chat.css", "accounts.css", "files.css", "alerts.css", "jobs.css"}


class CourseError(Exception):
    """Something that a person can fix: a line that says what, and learn.py's exit status."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


class Chapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One chapter; chapters.toml says what each field is."""

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


DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
CHAPTERS = msgspec.convert(DATA["chapter"], tuple[Chapter, ...])
SITE_PORT = 8100  # where the site is served unless the learner says otherwise
TYPE_NEXT: dict[str, str] = DATA["next"]  # a command: what it does


def chapter(number: int | str) -> Chapter:
    """Return the chapter with this number; raise CourseError, naming those there are."""
    for candidate in CHAPTERS:
        if str(candidate.number) == str(number):
            return candidate
    listed = ", ".join(f"{each.number} ({each.name})" for each in CHAPTERS)
    raise CourseError(f"There is no step {number}. The steps are {listed}.", 2)


def markdown(link: str) -> str:
    """Return the chapters as a Markdown table, with a link from each, formatted like this."""
    lines = ["| step | the one new concept | what you see |", "| --- | --- | --- |"]
    for each in CHAPTERS:
        cell = link.format(each, title=each.name.replace("_", " "))
        lines.append(f"| {cell} | {each.concept} | {each.sees} |")
    return "\n".join(lines) + "\n"


def on_site(page: str) -> str:
    """Return the address of a page (its path in docs/, an #anchor may follow) on the site."""
    return f"http://localhost:{SITE_PORT}/{page.replace('.md', '/')}"


def predecessor(chapter: Chapter) -> Path | None:
    """Return the folder of the chapter before this one; None for the first."""
    index = CHAPTERS.index(chapter)
    return CHAPTERS[index - 1].folder if index else None


def provided(path: str) -> bool:
    """Return whether a file of a step (its path there) is provided, not taught."""
    return PurePosixPath(path).name in PROVIDED or is_migration(path)


def is_migration(path: str) -> bool:
    """Return whether makemigrations writes this file of a step."""
    return "/migrations/" in path
