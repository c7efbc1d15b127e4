"""The mistakes that learners make: read from mistakes.toml, found by what was seen, and drawn as
Markdown."""

import re
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import Annotated, Literal, NamedTuple

import jinja2
import msgspec
from markdown.extensions.toc import slugify
from msgspec import Meta

from course import matrix
from course.chapters import CHAPTERS, ROOT, Chapter, chapter

FILE = Path(__file__).with_name("mistakes.toml")
DATA = tomllib.loads(FILE.read_text("utf-8"))
JINJA = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
TEMPLATE = JINJA.from_string(FILE.with_name("mistake.md.jinja").read_text("utf-8"))

Draw = Callable[[Path, str, str, str], str]  # a step, a file of it, its old and new text
Id = Annotated[str, Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
Title = Annotated[str, Meta(pattern='^[^"]+$')]  # the site puts it between double quotes
Action = Annotated[str, Meta(pattern="^([AB] (opens|says) .+|[AB] closes|runs .+)$")]
Page = Annotated[str, Meta(pattern=r"^[\w-]+\.md(#[\w-]+)?$")]
Sign = Annotated[str, Meta(pattern=r"[^…\s]")]
Step = Literal[*(each.number for each in CHAPTERS)]
Symptom = Literal["", *DATA["symptoms"]]
Row = Literal["", *(each.id for each in matrix.load())]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of mistakes.toml, which says what each field is for."""


class Seen(Entry):
    """What is seen, and where; `elsewhere` is the same in the words of other systems."""

    where: Literal[*DATA["places"]]
    text: str
    elsewhere: str = ""

    def __post_init__(self) -> None:
        if not self.text and not self.where.startswith("tab "):
            raise ValueError(f"no text is seen in the {self.where}")

    def matches(self, found: str, elsewhere: bool = False) -> bool:
        """Return whether this is what was found there: whole lines of it, in which … stands for
        anything; of the messages of a tab, all. With `elsewhere`, other words may be used."""
        if elsewhere and self.elsewhere and _pattern(self.elsewhere).search(found):
            return True
        if self.where.startswith("tab "):
            return found == self.text
        return bool(_pattern(self.text).search(found))


class Patch(Entry):
    """In a file, `old` becomes `new`."""

    file: str
    old: str
    new: str
    setting: bool = False


class Failure(NamedTuple):
    """What was seen when a row failed: the symptom, all texts that came up meanwhile, whether none
    of them is an error, and the project's code ("": nobody can see it)."""

    row: str
    symptom: str
    text: str
    no_error: bool
    code: str


class Clues(Entry):
    """How a mistake is known in a project of a learner's."""

    row: Row = ""
    sign: Sign | list[Sign] = []
    symptom: Symptom = ""
    code: str = ""
    lacks: str = ""
    only: bool = False

    def fit(self, failure: Failure) -> int:
        """Return how clearly a failure points to the mistake; 0: it does not. A mistake with signs
        needs one of them in the texts. Another one needs its row and its symptom, and no error."""
        if self.only and self.row != failure.row:
            return 0
        if self.code and not re.search(self.code, failure.code, re.M):
            return 0
        if self.lacks and (not failure.code or re.search(self.lacks, failure.code, re.M)):
            return 0
        if self.sign:
            found = self.signs_in(failure.text)
            return max(map(len, found)) + bool(self.code or self.lacks) * 100 if found else 0
        known = (self.symptom or self.code or self.lacks) and failure.no_error
        return int(bool(known) and (self.row, self.symptom) == (failure.row, failure.symptom))

    def signs_in(self, evidence: str) -> list[str]:
        """Return the signs that are in there, as whole lines with … for what varies."""
        signs = [self.sign] if isinstance(self.sign, str) else self.sign
        return [sign for sign in signs if _pattern(sign).search(evidence)]


class Mistake(Entry):
    """One mistake."""

    id: Id
    title: Title
    step: Step
    when: str
    does: Annotated[list[Action], Meta(min_length=1)]
    cause: str
    fix: str
    page: Page
    seen: Annotated[list[Seen], Meta(min_length=1)]
    patch: list[Patch] = []
    servers: list[str] = msgspec.field(default_factory=lambda: ["python manage.py runserver"])
    redis: Literal["", "running", "down"] = ""
    tls: bool = False
    venv: bool = True
    check: Clues = Clues()

    def can_be_guessed(self) -> bool:
        """Say whether it is in the code, shows itself without a service, and `check` names it."""
        return bool(self.patch and self.check.symptom) and not (self.redis or self.tls)


def load(path: Path = FILE) -> list[Mistake]:
    """Return the mistakes in order; raise ValueError, naming the entry, for one that is not as
    mistakes.toml says. The steps are not read: `patched` does that, for one mistake."""
    mistakes: list[Mistake] = []
    for row in tomllib.loads(path.read_text("utf-8"))["mistake"]:
        try:
            mistakes.append(msgspec.convert(row, Mistake))
        except msgspec.ValidationError as error:
            raise ValueError(f"{row.get('id', row.get('title'))}: {error}") from None
    return mistakes


def get(name: str) -> Mistake:
    """Return the mistake with this id; raise ValueError, naming those there are."""
    mistakes = {each.id: each for each in load()}
    if name not in mistakes:
        raise ValueError(f"no mistake is called so. There are: {', '.join(mistakes)}")
    return mistakes[name]


def patched(mistake: Mistake) -> dict[str, tuple[str, str]]:
    """Return the text of each file of the step that the mistake changes: without it (but with its
    settings), and with it. Raise ValueError, naming the entry, for a patch that does not fit."""
    folder = chapter(mistake.step).folder
    texts: dict[str, tuple[str, str]] = {}
    for patch in mistake.patch:
        stale = f"mistakes.toml, {mistake.id}: {folder.name}/{patch.file}"
        if patch.file not in texts:
            if not (folder / patch.file).is_file():
                raise ValueError(f"{stale} is not there.")
            texts[patch.file] = ((folder / patch.file).read_text("utf-8"),) * 2
        right, wrong = texts[patch.file]
        if (times := wrong.count(patch.old)) != 1:
            raise ValueError(f"{stale} has this {times} times, not once: {patch.old.strip()!r}")
        if patch.setting:
            right = right.replace(patch.old, patch.new)
        texts[patch.file] = right, wrong.replace(patch.old, patch.new)
    return texts


def likely(failure: Failure, of: Chapter | None = None) -> Mistake | None:
    """Return the mistake to which a failure points most clearly, or nothing."""
    every = {each.id: (each, each.check.fit(failure)) for each in load()}
    fits = {
        name: (mistake.check.row == failure.row, of is not None and mistake.step == of.number, fit)
        for name, (mistake, fit) in every.items()
        if fit
    }
    return every[max(fits, key=fits.__getitem__)][0] if fits else None


def page(draw: Draw) -> str:
    """Return all mistakes as Markdown, chapter by chapter, each in a fold. The heading in the fold
    is its address: a link to it opens the fold, and the search lists it."""
    lines, mistakes = [], load()
    for each in CHAPTERS:
        lines.append(f"## Step {each.number} {{ data-search-exclude }}\n")
        for mistake in mistakes:
            if mistake.step == each.number:
                heading = f"### {mistake.title} {{ #{mistake.id} }}"
                folded = indent(f"{heading}\n\n{markdown(mistake, draw)}", "    ")
                lines.append(f'??? failure "{mistake.title}"\n\n{folded}')
    return "\n".join(lines)


def markdown(mistake: Mistake, draw: Draw) -> str:
    """Return one mistake as Markdown without a heading: what is seen, why, and how to fix it."""
    commands = [each.removeprefix("runs ") for each in mistake.does if each.startswith("runs ")]
    looked_at = commands.pop() if any(seen.where == "command" for seen in mistake.seen) else ""
    texts = {"commands": commands, "command": looked_at, "link": _link(mistake.page)}
    folder = chapter(mistake.step).folder
    texts |= {"places": DATA["places"], "files": patched(mistake), "draw": partial(draw, folder)}
    return TEMPLATE.render(mistake=mistake, **texts) + "\n"


def _pattern(text: str) -> re.Pattern[str]:
    lines = []
    for line in text.split("\n"):
        words = ".*".join(re.escape(part) for part in line.split("…"))
        lines.append(r"(?:.*\n)*?" if line == "…" else rf"{words}[ \t]*(?:\n|\Z)")
    return re.compile("^" + "".join(lines), re.MULTILINE)


def _link(page: str) -> str:
    """Return a link to a page or its section, with their headings as the words. The build reports
    one that is not there."""
    name, _, section = page.partition("#")
    file = ROOT / "docs" / name
    text = file.read_text("utf-8") if file.is_file() else f"# {name}"
    title, *headings = re.findall(r"^#+ (.+?)(?: \{.*\})?$", text, re.M)
    words = [title, *(each for each in headings if slugify(each, "-") == section)]
    return f"[{' › '.join(words[:2])}]({page})"
