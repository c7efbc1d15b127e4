"""What `learn.py bench` shows: what is being measured, and tables at the end."""

from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from bench.configurations import BARE, BASE, BY_NAME, CONFIGURATIONS, LABELS, QUICK, Configuration
from bench.results import Results, number
from bench.run import PLANS, bench, written

STEP = LABELS[BASE].partition(",")[0]
TABLES = {  # title: {head of a column: key}; a terminal is 80 characters wide
    "100 tabs in one room": {
        "in\n1 s": "throughput 100",
        "CPU\nµs": "cpu 100",
        "delay\nms": "latency_p50 100",
        "p99\nms": "latency_p99 100",
        "×\nbare": f"throughput 100 / {BARE}",
        f"×\n{STEP}": f"throughput 100 / {BASE}",
    },
    "with 10 tabs, and with 1,000": {
        "10:\nin 1 s": "throughput 10",
        "1,000:\nin 1 s": "throughput 1000",
        "idle\nMB": "memory",
        "lost of\n300": "burst",
        "opened\nin 1 s": "accept",
    },
}


def main(quick: bool, url: str, file: TextIO | None) -> None:
    """Measure, show the tables, and write the results into the file, if there is one."""
    names = (BARE, BASE) if url else QUICK if quick else BY_NAME
    subjects = [each for each in CONFIGURATIONS if each.name in names]
    if url:
        subjects.insert(0, Configuration("yours", "yours", "", url=url))
    console, plan = Console(highlight=False), "yours" if url else "quick" if quick else "full"
    with console.status("starting") as status:
        data = bench(subjects, PLANS[plan], status.update)
    if file:
        file.truncate(0)  # only now: who stops the run keeps the old results
        file.write(written(data))
    show(console, Results(data))


def show(console: Console, results: Results) -> None:
    """Print the tables, how they were measured, and what could not be measured."""
    machine, names = results.data["machine"], list(results.data["configurations"])
    for title, columns in TABLES.items():
        found = {key for key in columns.values() if any(results.spread(key, it) for it in names)}
        if len(found) < 2:
            continue  # a quick run has the first table only
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(title, no_wrap=True)
        shown = [(head, key) for head, key in columns.items() if key in found]
        for head, _ in shown:
            table.add_column(head, justify="right", no_wrap=True)
        for name in names:
            spreads = (results.spread(key, name) for _, key in shown)
            table.add_row(LABELS[name], *(number(each[1]) if each else "–" for each in spreads))
        console.print(table)
    console.print(
        f"The middle one of {results.data['rounds']} rounds. “In 1 s” is what was delivered, × "
        "compares it, CPU is the server's processor time for one delivery."
    )
    if not machine["server on one of its own"]:
        console.print("The server had no processor of its own here: believe the ratios only.")
    console.print(f"Other programs used at most {machine['others at most']:.0%} of the processors.")
    for name, reason in results.data["left out"].items():
        console.print(f"Left out: {LABELS[name]}: {reason.removesuffix('.')}.")
