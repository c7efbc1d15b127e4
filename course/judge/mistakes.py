"""The mistakes that learners make. Read from mistakes.toml, drawn as Markdown."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from difflib import unified_diff
from pathlib import Path

from course import matrix
from course.chapters import CHAPTERS, chapter

DATA = Path(__file__).with_name("mistakes.toml")

# Where a mistake shows itself: the words before what is seen there.
SAYS = {
    "terminal": "In the terminal of the server:",
    "command": "Under the command `{}`:",
    "page": "On the page:",
    "status": "In the status line of the page:",
    "console": "In the console of the browser:",
    "code": "The socket closes with the code:",
    "tab A": "In the messages of tab A:",
    "tab B": "In the messages of tab B:",
}
DOES = re.compile(r"[AB] (opens|says) .+|[AB] closes|runs .+")
PAGE = re.compile(r"(?P<file>[\w-]+\.md)(#(?P<section>[\w-]+))?")

# What a client may meet, from outside; mistakes.toml says what each one means.
SYMPTOMS = (
    "does not start",
    "nobody answers",
    "page 500",
    "page 400",
    "refused 404",
    "refused 500",
    "refused 403",
    "no answer",
    "dropped 1011",
    "silent",
    "page only",
    "own tests",
    "left behind",
    "stalled",
    "burst lost",
    "asgi",
    "tls",
)


@dataclass(frozen=True)
class Seen:
    """What is seen, and where; `elsewhere` is the same in the words of other systems."""

    where: str
    text: str
    elsewhere: str = ""

    def matches(self, found: str, elsewhere: bool = False) -> bool:
        """Say whether this is what was found there: whole lines of it, in which … stands for
        anything; of the messages of a tab, all. With `elsewhere`, other words may be used."""
        if elsewhere and self.elsewhere and _pattern(self.elsewhere).search(found):
            return True
        if self.where.startswith("tab "):
            return found == self.text
        return bool(_pattern(self.text).search(found))


@dataclass(frozen=True)
class Patch:
    """In a file, `old`, which is there once, becomes `new`, one patch after the other. As a
    `setting` it is no mistake, but what the mistake needs to show itself."""

    file: str
    old: str
    new: str
    setting: bool = False


@dataclass(frozen=True)
class Clues:
    """How a mistake is known in a project of a learner's; mistakes.toml says what each field is."""

    row: str = ""
    sign: list[str] = field(default_factory=list)
    symptom: str = ""

    def signs_in(self, evidence: str) -> list[str]:
        """Return the signs that are in there, as whole lines with … for what varies."""
        return [sign for sign in self.sign if _pattern(sign).search(evidence)]


@dataclass(frozen=True)
class Mistake:
    """One mistake; mistakes.toml says what each field is for."""

    id: str
    title: str
    step: int
    when: str
    does: list[str]
    cause: str
    fix: str
    page: str
    seen: list[Seen]
    patch: list[Patch] = field(default_factory=list)
    servers: list[str] = field(default_factory=lambda: ["python manage.py runserver"])
    redis: str = ""
    tls: bool = False
    venv: bool = True
    check: Clues = field(default_factory=Clues)


PARTS = (("seen", Seen), ("patch", Patch))


def load(path: Path = DATA) -> list[Mistake]:
    """Return the mistakes in order; raise ValueError, saying what is wrong, for a bad entry."""
    mistakes: list[Mistake] = []
    for row in tomllib.loads(path.read_text(encoding="utf-8")).get("mistake", []):
        name = row.get("id", f"the entry after {mistakes[-1].id if mistakes else 'the start'}")
        try:
            parts = {key: [kind(**part) for part in row.get(key, ())] for key, kind in PARTS}
            mistake = Mistake(**row | parts | {"check": _check(row.get("check", {}))})
        except TypeError as error:  # a field too many, or one too few
            raise ValueError(f"{name}: {str(error).partition(' ')[2]}") from None
        problems = list(_problems(mistake))
        if mistake.id in [each.id for each in mistakes]:
            problems.append("there are two of this id")
        if problems:
            raise ValueError(f"{name}: {problems[0]}")
        mistakes.append(mistake)
    return mistakes


def get(name: str) -> Mistake:
    """Return the mistake with this id; raise ValueError, naming those there are."""
    mistakes = load()
    for mistake in mistakes:
        if mistake.id == name:
            return mistake
    raise ValueError(f"no mistake is called so. There are: {', '.join(m.id for m in mistakes)}")


def page() -> str:
    """Return all mistakes as Markdown, chapter by chapter; the anchor of each is its id."""
    lines = []
    for each in CHAPTERS:
        lines.append(f"## Step {each.number}\n")
        for mistake in load():
            if mistake.step == each.number:
                lines.append(f"### {mistake.title} {{ #{mistake.id} }}\n\n{markdown(mistake)}")
    return "\n".join(lines)


def markdown(mistake: Mistake) -> str:
    """Return one mistake as Markdown without a heading: what is seen, why, and what to do."""
    parts = ["**What you see.** " + mistake.when]
    for seen in mistake.seen:
        if not seen.text:
            parts.append(f"The messages of {seen.where} stay empty.")
            continue
        command = mistake.does[-1].removeprefix("runs ")
        parts.append(f"{SAYS[seen.where].format(command)}\n\n{_fence('text', seen.text)}")
        if seen.elsewhere:
            words = "On another system, or with another version of Python, in other words:"
            parts.append(f"{words}\n\n{_fence('text', seen.elsewhere)}")
    parts += [f"**Why.** {mistake.cause}", f"**What to do.** {mistake.fix}"]
    for file, difference in _repairs(mistake):
        parts.append(f"In `{file}`, from wrong to right:\n\n{_fence('diff', difference)}")
    parts.append(f"Read on: {_link(mistake)}.")
    return "\n\n".join(parts) + "\n"


def _check(row: dict) -> Clues:
    check = Clues(**row)
    return replace(check, sign=[check.sign]) if isinstance(check.sign, str) else check


def _pattern(text: str) -> re.Pattern[str]:
    lines = []
    for line in text.split("\n"):
        words = ".*".join(re.escape(part) for part in line.split("…"))
        lines.append(r"(?:.*\n)*?" if line == "…" else rf"{words}[ \t]*(?:\n|\Z)")
    return re.compile("^" + "".join(lines), re.MULTILINE)


def _problems(mistake: Mistake) -> Iterator[str]:
    """Yield what is wrong with an entry, in words."""
    for each in (mistake, mistake.check, *mistake.seen, *mistake.patch):
        for each_field in fields(each):
            value, kind = getattr(each, each_field.name), each_field.type
            kind = list if getattr(kind, "__origin__", None) else kind
            if not isinstance(value, kind):
                yield f"{each_field.name} should be of type {kind.__name__}"
                return
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", mistake.id):
        yield "an id is small letters and digits, with hyphens between words"
    if not mistake.title or '"' in mistake.title:
        yield "a title is needed, without double quotes"
    if mistake.redis not in ("", "running", "down"):
        yield f"redis is “{mistake.redis}”, but can be “running” or “down” only"
    for action in mistake.does:
        if not DOES.fullmatch(action):
            yield f"nobody can do “{action}”"
    if not mistake.seen:
        yield "nothing is seen"
    for seen in mistake.seen:
        if seen.where not in SAYS:
            yield f"where is “{seen.where}”, but can only be one of {', '.join(SAYS)}"
        elif not seen.text and not seen.where.startswith("tab "):
            yield f"no text is seen in the {seen.where}"
    if not PAGE.fullmatch(mistake.page):
        yield f"page is “{mistake.page}”, which is not like layers.md or layers.md#in-memory"
    yield from _problems_of_check(mistake.check)
    try:
        folder = chapter(mistake.step).folder
    except LookupError as error:
        yield str(error)
        return
    texts: dict[str, str] = {}
    for patch in mistake.patch:
        file = folder / patch.file
        if not file.is_file():
            yield f"{folder.name} has no file {patch.file}"
            return
        text = texts.get(patch.file, file.read_text("utf-8"))
        if (times := text.count(patch.old)) != 1:
            yield f"{folder.name}/{patch.file} has this {times} times, not once: {patch.old}"
        elif patch.old == patch.new:
            yield f"the patch of {patch.file} changes nothing"
        texts[patch.file] = text.replace(patch.old, patch.new)


def _problems_of_check(check: Clues) -> Iterator[str]:
    rows = [row.id for row in matrix.load()]
    if check.row not in ("", *rows):
        yield f"row is “{check.row}”, but can only be one of {', '.join(rows)}"
    if check.symptom not in ("", *SYMPTOMS):
        yield f"symptom is “{check.symptom}”, but can only be one of {', '.join(SYMPTOMS)}"
    for sign in check.sign:
        if not isinstance(sign, str) or not re.search(r"[^…\s]", sign):
            yield f"sign is a text with more than … in it, not {sign!r}"


def _repairs(mistake: Mistake) -> list[tuple[str, str]]:
    """Return what to change in each file to mend the mistake, as lines with - and + before them.
    Settings stand on both sides."""
    right: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for patch in mistake.patch:
        file = chapter(mistake.step).folder / patch.file
        before = right.setdefault(patch.file, file.read_text("utf-8"))
        wrong[patch.file] = wrong.get(patch.file, before).replace(patch.old, patch.new)
        if patch.setting:
            right[patch.file] = before.replace(patch.old, patch.new)
    repairs = []
    for name in dict.fromkeys(patch.file for patch in mistake.patch if not patch.setting):
        lines = unified_diff(wrong[name].split("\n"), right[name].split("\n"), n=1, lineterm="")
        shown = ["…" if line.startswith("@@") else line for line in list(lines)[3:]]
        repairs.append((name, "\n".join(shown)))
    return repairs


def _link(mistake: Mistake) -> str:
    found = PAGE.fullmatch(mistake.page)
    assert found, mistake.page
    words = {f"{each.folder.name}.md": f"step {each.number}" for each in CHAPTERS}
    label = words.get(found["file"], found["file"].removesuffix(".md").replace("_", " "))
    if found["section"]:
        label += f", “{found['section'].replace('-', ' ').capitalize()}”"
    return f"[{label}]({mistake.page})"


def _fence(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
