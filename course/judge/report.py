"""A check as a learner sees it: a checklist that fills while the rows are played."""

import re
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from course.chapters import on_site
from course.judge.check import Check, Verdict, lacks, noticed, rows
from course.judge.mistakes import Mistake

CONSOLE = Console(highlight=False, soft_wrap=True)
MARKS = {True: ("✔", "green"), False: ("✘", "red"), None: ("–", "dim")}


def judge(check: Check, everything: bool) -> bool:
    """Play the rows of a chapter, and print what becomes of each. Return whether every row that was
    run passes."""
    verdicts: list[Verdict] = []
    now, later = rows(check.chapter, everything)
    step = f"step {check.chapter.number}"
    CONSOLE.print(Text(f"\n{check.target.name}, by the rows of {step}:", "bold"))
    show_before(check)
    for row in now:
        with CONSOLE.status(Text(plain(row.words))):
            verdicts.append(check.verdict(row))
        show(verdicts[-1])
    failed = any(each.holds is False for each in verdicts)
    show_noticed(check)
    if failed:
        CONSOLE.print("\nTo read these pages, let learn.py docs serve them.")
    style = "red" if failed else "green"
    CONSOLE.print(Text(f"\n{step.capitalize()}: {counted(verdicts, len(later))}", style))
    return not failed


def show_before(check: Check) -> None:
    """Print what the check asks for and does not find, before the first row."""
    found = [] if check.wire else lacks(check)
    if layers := check.target.other_layer:
        text = "Your project does not use REDIS_URL, so rows that need a Redis of their own are not"
        found.append(f"{text} judged. CHANNEL_LAYERS is always {layers}.")
    if found:
        found.append(f"What check asks of a chat: {on_site('check.md')}")
    for text in found:
        CONSOLE.print(Text.assemble(("  ! ", "yellow"), text))


def show_noticed(check: Check) -> None:
    """Print what no row asks for and was seen all the same."""
    for text, printed, cause in noticed(check):
        CONSOLE.print(Text.assemble(("  ! ", "yellow"), text))
        show_printed(printed, cause)


def plain(words: str) -> str:
    """Return words of Markdown as a terminal shows them."""
    return re.sub(r"\[(.+?)\]\(.+?\)", r"\1", words).replace("`", "")


def show(verdict: Verdict) -> None:
    """Print what became of a row."""
    mark, style = MARKS[verdict.holds]
    why = f" ({plain(verdict.reason)})" if verdict.reason and not verdict.holds else ""
    CONSOLE.print(Text.assemble((f"  {mark} ", style), plain(verdict.row.words), (why, "dim")))
    if verdict.holds is not False or verdict.reason:
        return
    if verdict.expected:
        detail("expected", f"{verdict.expected}.")
    detail("seen", verdict.seen[:1].upper() + verdict.seen[1:])
    show_printed(verdict.printed, verdict.cause)
    detail("read", on_site(verdict.row.page))


def show_printed(printed: Sequence[tuple[str, str]], cause: Mistake | None) -> None:
    """Print what programs printed and, if it points to a mistake, where that is explained."""
    for (name, line), last in zip(printed, [("", ""), *printed], strict=False):
        detail("" if name == last[0] else name, line)
    if cause:
        sentence = re.split(r"(?<=[.:])\s", " ".join(cause.cause.split()))[0]
        detail("cause", f"most likely: {cause.title} ({cause.id})")
        detail("", plain(sentence))
        detail("", on_site(f"troubleshooting.md#{cause.id}"))


def detail(label: str, text: str) -> None:
    """Print a line below a row."""
    CONSOLE.print(Text.assemble((f"      {label:9} ", "dim"), text))


def counted(verdicts: Sequence[Verdict], later: int) -> str:
    """Return how many rows pass, how many fail, and how many were not run, and why."""
    count = Counter(each.holds for each in verdicts)
    text = f"{count[True]} passed, {count[False]} failed."
    reasons = Counter(each.reason for each in verdicts if each.holds is None)
    reasons += Counter({"slow: add --all": later})
    if reasons:
        listed = ", ".join(f"{reasons[why]} ({why})" for why in sorted(reasons))
        text += f" Not run: {listed}."
    if partly := [each.reason for each in verdicts if each.holds and each.reason]:
        text += f" Without their tabs: {len(partly)} ({partly[0]})."
    return text
