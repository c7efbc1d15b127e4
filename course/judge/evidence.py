"""What programs printed when something failed, in few lines: the server, the browser, pytest."""

import re
from pathlib import Path

TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n((?:[ \t].*\n)*)(\S.*)", re.M)
CHAINED = re.compile(
    r"\s*(During handling of the above|The above exception was the direct cause of) .*"
)
FRAME = re.compile(r'^  File "(.+?)", line (\d+).*\n(?:    (.+))?', re.M)
WARNING = re.compile(r"^(?:\S+:\d+: )?([\w.]*(?:Error|Exception|Warning)\b.*)", re.M)
SYSTEM_CHECK = re.compile(r"^ERRORS:\n(.+)", re.M)
FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.M)
LAST = 4  # lines of a test that failed


def chains(printed: str) -> list[list[re.Match[str]]]:
    """Return the exceptions that a server printed, each with what it became, in a list."""
    found: list[list[re.Match[str]]] = []
    for each in TRACEBACK.finditer(printed):
        before = printed[found[-1][-1].end() : each.start()] if found else ""
        if CHAINED.fullmatch(before.rstrip()):
            found[-1].append(each)
        else:
            found.append([each])
    return found


def own_lines(traceback: str, folder: Path) -> list[str]:
    """Return the lines of the project's own code in a traceback."""
    return [
        f"in {Path(file).relative_to(folder).as_posix()}, line {number}: {code}".rstrip(": ")
        for file, number, code in FRAME.findall(traceback)
        if Path(file).is_relative_to(folder)
    ]


def without_consequences(printed: str, folder: Path) -> str:
    """Return what a server printed, but for the exceptions that followed from one in the project's
    own code: they point elsewhere."""
    for chain in chains(printed):
        for each in chain[1:] if own_lines(chain[0][1], folder) else ():
            printed = printed.replace(each[0], "")
    return printed


def of_terminal(printed: str, folder: Path) -> list[str]:
    """Return the last exception that a server printed: the one that it began with, the one that it
    became, and the last line of the project's own code on the way to the first. Without one: the
    first error of Django's system check, or the last warning, or nothing."""
    chain = [[], *chains(printed)][-1]
    if not chain:
        return SYSTEM_CHECK.findall(printed)[:1] or WARNING.findall(printed)[-1:]
    lines = dict.fromkeys(each[2].rstrip() for each in (chain[0], chain[-1]))
    places = next(filter(None, (own_lines(each[1], folder) for each in chain)), [])
    return [*lines, *places[-1:]]


def of_pytest(printed: str) -> list[str]:
    """Return the name of the first test that failed, and the last lines of what pytest says of it;
    where none failed, the last error that it printed."""
    if not (failed := FAILED.search(printed)):
        return WARNING.findall(printed)[-1:]
    name = re.escape(failed[1].rpartition("::")[2])
    report = re.search(rf"^_+ .*{name} _+\n((?:(?![_=]{{4}}).*\n)*)", printed, re.M)
    says = [line[1:].strip() for line in re.findall(r"^E .*", report[1] if report else "", re.M)]
    return [failed[1], *says[-LAST:]]
