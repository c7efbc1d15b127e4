"""What `learn.py bench` shows: how far it is, and a table at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.configurations import BARE, BASE, CONFIGURATIONS, QUICK
from bench.results import MEASURES, Results
from bench.run import FULL, YOURS, Address, LoadError, Run, report, written
from bench.run import QUICK as QUICKLY

__all__ = ["LoadError", "main"]

TABLES = {  # title: {column: what}; a terminal is 80 characters wide
    "100 tabs in one room": {
        "in\n1 s": "throughput 100",
        "CPU\nµs": "cpu 100",
        "delay\nms": "latency_p50 100",
        "p99\nms": "latency_p99 100",
    },
    "with 10 tabs, and with 1,000": {
        "10:\nin 1 s": "throughput 10",
        "1,000:\nin 1 s": "throughput 1000",
        "opened\nin 1 s": "accept",
        "idle\nMB": "memory",
        "lost of\n300": "burst",
    },
}


def main(quick: bool, url: str, file: Path | None, busy: bool) -> None:
    """Measure, show the table, and write the file if there is to be one."""
    if file:  # fail now, not when all is measured
        new = not file.exists()
        file.open("a").close()
        if new:
            file.unlink()
    plan = YOURS if url else QUICKLY if quick else FULL
    if url:
        yours = Address(url)
        subjects = [yours, *(each for each in CONFIGURATIONS if each.name in (BARE, BASE))]
    else:
        subjects = [each for each in CONFIGURATIONS if not quick or each.name in QUICK]
    console, begun = Console(highlight=False), time.monotonic()
    with (
        Run(plan, busy) as run,
        progress(console, plan.rounds, plan.rounds * len(subjects)) as tell,
    ):
        found = run.measure(subjects, tell)
    labels = {each.name: each.label for each in subjects if each.name in found}
    data = report(run, found, time.monotonic() - begun, labels)
    if file:
        file.write_text(written(data), encoding="utf-8")
    show(console, Results(data))


@contextmanager
def progress(console: Console, rounds: int, visits: int) -> Iterator[Callable[[int, str], None]]:
    """Show a bar that says how far it is, if there is a terminal; yield what moves it on."""
    if not console.is_terminal:
        yield lambda turn, label: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=visits, completed=-1)

        def tell(turn: int, label: str) -> None:
            bar.update(task, advance=1, description=f"round {turn} of {rounds}: {label}")

        yield tell


def show(console: Console, results: Results) -> None:
    """Print the tables, what it is compared with, and what could not be measured."""
    data = results.data
    machine = data["machine"]
    bases = {"×\nbare": BARE, "×\nstep4": BASE}
    compared = {title: base for title, base in bases.items() if base in results.names()}
    for number, (title, columns) in enumerate(TABLES.items()):
        keys = {
            head: key
            for head, key in columns.items()
            if any(results.has(key, name) for name in results.names())
        }
        if number and len(keys) < 2:
            continue  # a quick run has the first table only
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(title, no_wrap=True)
        for head in (*keys, *({} if number else compared)):
            table.add_column(head, justify="right", no_wrap=True)
        for name, label in data["labels"].items():
            cells = [shown(results, key, name) for key in keys.values()]
            if not number:
                cells += [
                    f"{results.ratio('throughput 100', name, base):.2f}"
                    for base in compared.values()
                ]
            table.add_row(label, *cells)
        console.print(table)
    console.print(
        f"The middle one of {data['rounds']} rounds. “In 1 s” is what was delivered, × compares "
        "it, CPU is the server's processor time for one delivery."
    )
    if not machine["server on one of its own"]:
        console.print("The server had no processor of its own here: believe the ratios only.")
    if machine["busy"]:
        taken = f"{machine['others at most']:.0%}"
        console.print(f"Other programs took up to {taken} of a processor meanwhile.")
    reasons: dict[str, list[str]] = {}
    for name, reason in data["left out"].items():
        reasons.setdefault(reason.removesuffix("."), []).append(name)
    for reason, names in reasons.items():
        console.print(f"Left out: {', '.join(names)}: {reason}.")


def shown(results: Results, key: str, name: str) -> str:
    """Return a cell of a table."""
    if not results.has(key, name):
        return "–"
    return MEASURES[key.split()[0]].number(results.median(key, name))
