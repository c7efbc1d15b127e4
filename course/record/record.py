"""What `learn.py record` makes anew, where it is out of date: the tables of the README, the site's
diagrams and recordings, and what the last run of the matrix said."""

import hashlib
import platform
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

from course import matrix
from course.chapters import CHAPTERS, ROOT
from course.record import diagrams, readme
from course.record.diagrams import diagram, stale
from course.run.serve import ServeError

LAST_RUN = ROOT / "docs" / "last-run.toml"
PACKAGES = {  # whose versions matter, as people call them and as pip does
    "Django": "Django",
    "Channels": "channels",
    "Daphne": "daphne",
    "channels_redis": "channels-redis",
    "redis-py": "redis",
}
RUN = "run `python3 learn.py record`"


def main(everything: bool = False) -> None:
    """Make what is out of date, or everything, and print a line for each thing made; raise
    ServeError if something cannot be made. The matrix comes last, as it takes longest."""
    what = None
    for what in _make(everything):
        print(what, flush=True)
    if not what:
        print("Nothing is out of date.")


def _make(everything: bool) -> Iterator[str]:
    text = readme.README.read_text("utf-8")
    if (fresh := readme.with_tables(text)) != text:
        readme.README.write_text(fresh, "utf-8")
        yield f"{_name(readme.README)}: its tables"
    try:
        sources = diagrams.on_pages()
        yield from _draw([each for each in sources if everything or stale(each)])
    except ValueError as error:
        raise ServeError(str(error)) from error
    for path in diagrams.orphans(sources):
        path.unlink()
        yield f"{_name(path)}: removed, no page has it"

    from course.record import films  # not on the site's way: it needs a browser, and Pillow

    for chapter in CHAPTERS:
        if everything or films.stale(chapter):
            films.record(chapter)
            yield f"{_name(films.RECORDINGS / chapter.folder.name)}: .png and .webp"
    for path in films.orphans():
        path.unlink()
        yield f"{_name(path)}: removed, there is no such step"
    if everything or last_run_stale():
        run_matrix()
        yield f"{_name(LAST_RUN)}: {last_run().markdown()}"


def _draw(sources: list[str]) -> Iterator[str]:
    if sources:
        diagrams.DIAGRAMS.mkdir(exist_ok=True)
        with diagrams.pen() as pen:
            for source in sources:
                diagram(source).write_text(pen.draw(source), "utf-8")
                yield _name(diagram(source))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class LastRun:
    """What a run of the matrix said: when, how long it took, on what, and how many cells held, were
    proven not to hold yet, or were not run, with the reason."""

    date: date
    seconds: int
    system: str
    fingerprint: str
    versions: dict[str, str]
    held: int
    disproven: int
    skipped: dict[str, int]

    def markdown(self) -> str:
        """Return it as a sentence."""
        versions = [f"{name} {number}" for name, number in self.versions.items()]
        counts = [
            f"{self.held} runs of a ✔ held",
            f"{self.disproven} runs of a ✘ proved that it does not hold yet",
            *(f"{count} were not possible ({reason})" for reason, count in self.skipped.items()),
        ]
        return (
            f"Last run: {self.date.day} {self.date:%B %Y}, in {self.seconds} s, on {self.system} "
            f"with {', '.join(versions[:-1])} and {versions[-1]}. From step 3 on, a cell is run on "
            "Redis and on the in-memory channel layer, where it can be: "
            f"{', '.join(counts[:-1])} and {counts[-1]}."
        )

    def toml(self) -> str:
        """Return it as it is kept."""
        lines = ["# Written by `python3 learn.py record`, from a run in which no test failed."]
        for name in ("date", "seconds", "system", "fingerprint", "held", "disproven"):
            value = getattr(self, name)
            lines.append(f"{name} = {_quoted(value) if isinstance(value, str) else value}")
        for name in ("versions", "skipped"):
            lines += ["", f"[{name}]"]
            for key, value in getattr(self, name).items():
                value = _quoted(value) if isinstance(value, str) else value
                lines.append(f"{_quoted(key)} = {value}")
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def last_run() -> LastRun:
    """Return what the last run of the matrix said; raise ValueError if there is none."""
    try:
        return LastRun(**tomllib.loads(LAST_RUN.read_text("utf-8")))
    except (OSError, TypeError) as error:
        raise ValueError(f"{LAST_RUN.name} cannot be read: {RUN}") from error


def last_run_stale() -> str | None:
    """Return what is wrong with the last run of the matrix, or None if nothing is."""
    try:
        run = last_run()
    except ValueError as error:
        return str(error)
    pins = (ROOT / "requirements.txt").read_text("utf-8")
    for name, package in PACKAGES.items():
        pinned = re.search(rf"^{package}==(\S+)", pins, re.MULTILINE)
        if not pinned or pinned[1] != run.versions.get(name):
            return (
                f"the matrix was last run with {name} {run.versions.get(name)}, and "
                f"requirements.txt pins {pinned and pinned[1]}: {RUN}"
            )
    if run.fingerprint != matrix_fingerprint():
        return f"the matrix, its scenarios or the steps have changed since their last run: {RUN}"
    return None


def matrix_fingerprint() -> str:
    """Return a hash of the matrix, of its scenarios, and of the code that they are played on."""
    course = ROOT / "course"
    files = [course / "matrix.toml", *(course / "scenarios").glob("*.py")]
    for chapter in CHAPTERS:
        for kind in ("py", "html", "js", "css"):
            found = chapter.folder.rglob(f"*.{kind}")
            files += [each for each in found if "tests" not in each.parts[len(ROOT.parts) :]]
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(ROOT).as_posix(), path) for path in files):
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def run_matrix() -> None:
    """Run the tests of the matrix and write what they say; raise ServeError if one fails."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary, "junit.xml")
        command = [sys.executable, "learn.py", "test", "tests/test_matrix.py"]
        began = time.monotonic()
        result = subprocess.run(
            [*command, f"--junitxml={report}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        seconds = round(time.monotonic() - began)
        if result.returncode or not report.is_file():
            raise ServeError(
                f"{result.stdout}\nThe last run of the matrix is not written down: it has to pass."
            )
        held, disproven, skipped = counted(ElementTree.parse(report).getroot())
    run = LastRun(
        date.today(),
        seconds,
        platform.system().replace("Darwin", "macOS"),
        matrix_fingerprint(),
        _versions(),
        held,
        disproven,
        skipped,
    )
    LAST_RUN.write_text(run.toml(), "utf-8")


def counted(report: ElementTree.Element) -> tuple[int, int, dict[str, int]]:
    """Take pytest's report, in JUnit's XML. Return how many cells held, how many were proven not to
    hold yet, and how many were not run for which reason; raise ServeError for a cell that failed or
    is missing."""
    cases = {}
    for case in report.iter("testcase"):
        if found := re.match(r"test_cell\[(.*?)\]", case.get("name", "")):
            cases[found[1]] = case
    passed: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for row, chapter, layer in matrix.cells():
        name = f"step{chapter.number}-{row.id}-{layer}"
        case = cases.get(name)
        if case is None or case.find("failure") is not None or case.find("error") is not None:
            raise ServeError(f"{name} did not pass, so the last run is not written down.")
        if (skip := case.find("skipped")) is not None:
            skipped[skip.get("message", "")] += 1
        else:
            passed[row.mark(chapter)] += 1
    return passed["✔"], passed["✘"], dict(skipped)


def _versions() -> dict[str, str]:
    from course.judge.browser import open_browser
    from course.run.install import find_browser
    from course.run.serve import PrivateRedis

    versions = {"Python": platform.python_version()}
    versions |= {name: version(package) for name, package in PACKAGES.items()}
    if PrivateRedis.available():
        command = ["redis-server", "--version"]
        says = subprocess.run(command, capture_output=True, encoding="utf-8").stdout
        if found := re.search(r"v=(\S+)", says):
            versions["Redis"] = found[1]
    driver = open_browser()
    try:
        chromium = "chromium" in (find_browser() or "").lower()  # it calls itself chrome
        name = "Chromium" if chromium else driver.capabilities["browserName"].capitalize()
        versions[name] = driver.capabilities["browserVersion"]
    finally:
        driver.quit()
    return versions
