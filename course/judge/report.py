"""A check as a learner sees it: a checklist that fills while the rows are played."""

import re
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from course.chapters import Chapter
from course.judge.check import Check, Verdict, rows
from course.judge.mistakes import Mistake
from course.matrix import Behaviour

CONSOLE = Console(highlight=False, soft_wrap=True)
MARKS = {True: ("✔", "green"), False: ("✘", "red"), None: ("–", "dim")}


def judge(check: Check, chapters: Sequence[Chapter], everything: bool) -> bool:
    """Play the rows of a chapter, or of one after the other until a row does not hold, and print
    what becomes of each. Return whether every row that was run holds; raise CheckError, after what
    there is to say of the rows before, if the check cannot go on."""
    verdicts: list[Verdict] = []
    left: list[Behaviour] = []
    for chapter in chapters:
        now, later = rows(chapter, everything)
        if len(chapters) > 1:
            now, later = ([row for row in each if row.first() == chapter] for each in (now, later))
        check.chapter = chapter
        left += later
        title = f"\n{check.site.name}, by the rows of step {chapter.number}:"
        CONSOLE.print(Text(title, "bold"))
        for row in now:
            with CONSOLE.status(Text(plain(row.words))):
                verdict = check.verdict(row)
            verdicts.append(verdict)
            show(verdict)
        if any(each.holds is False for each in verdicts):
            break
    for text, causes in check.noticed():
        CONSOLE.print(Text.assemble(("  ! ", "yellow"), text))
        show_causes(causes)
    if any(each.causes or each.holds is False for each in verdicts):
        CONSOLE.print("\nThe pages that are named here: learn.py docs shows them as a site.")
    failed = any(each.holds is False for each in verdicts)
    if len(chapters) > 1:
        done = [each.number for each in chapters if each.number < chapter.number + (not failed)]
        CONSOLE.print(
            f"\nThe chat is at the end of {f'step {done[-1]}' if done else 'no step yet'}."
        )
    style = "red" if failed else "green"
    CONSOLE.print(Text(f"\nStep {chapter.number}: {counted(verdicts, left)}", style))
    return not failed


def plain(words: str) -> str:
    """Return words of Markdown as a terminal shows them."""
    return words.replace("`", "")


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
    if verdict.terminal and not verdict.known:
        detail("terminal", verdict.terminal)
    show_causes(verdict.causes, verdict.known)
    detail("read", f"docs/{verdict.row.page}")


def show_causes(causes: Sequence[Mistake], known: bool = False) -> None:
    """Print the mistakes that are likely, and where each is explained."""
    label = "cause" if known or len(causes) == 1 else "one of"
    for mistake in causes:
        sentence = re.split(r"(?<=[.:])\s", " ".join(mistake.cause.split()))[0]
        sentence = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", sentence)
        detail(label, f"{mistake.title} ({mistake.id})")
        if label != "one of":
            detail("", plain(sentence))
        detail("", f"docs/troubleshooting.md#{mistake.id}")


def detail(label: str, text: str) -> None:
    """Print a line below a row."""
    CONSOLE.print(Text.assemble((f"      {label:9} ", "dim"), text))


def counted(verdicts: Sequence[Verdict], left: Sequence[Behaviour]) -> str:
    """Return how many rows hold, how many do not, and how many were not run, and why."""
    held = [each for each in verdicts if each.holds]
    failed = [each for each in verdicts if each.holds is False]
    text = f"{number(held, 'row holds', 'rows hold')}, {number(failed, 'does not', 'do not')}."
    reasons = [each.reason for each in verdicts if each.holds is None]
    reasons += ["slow: --all plays them"] * len(left)
    if reasons:
        kinds = [f"{len(list(same))} ({why})" for why, same in groupby(sorted(reasons))]
        text += f" Not run: {', '.join(kinds)}."
    if partly := [each.reason for each in held if each.reason]:
        text += f" Without their tabs: {len(partly)} ({partly[0]})."
    return text


def number(things: Sequence[object], one: str, many: str) -> str:
    """Return how many there are, with the words for one or for many."""
    return f"{len(things)} {one if len(things) == 1 else many}"
