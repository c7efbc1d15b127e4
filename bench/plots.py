"""The fence `bench` of the site: what the results say as a plot (SVG) or as a table.

Positions across are in percent, so that a plot is as wide as its page and its words keep their
size; colours come from the site's style sheet, light and dark."""

from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise
from math import log10

from bench.configurations import CONFIGURATIONS
from bench.results import MEASURES, ResultError, Results

HEADS = {  # of a table's columns
    "throughput": "delivered in a second",
    "cpu": "processor time each",
    "latency_p50": "delay, median",
    "latency_p99": "delay, p99",
    "burst": "lost out of 300",
    "accept": "sockets opened in a second",
    "memory": "1,000 idle tabs",
}
PEERS = tuple(each.name for each in CONFIGURATIONS if not each.name.startswith("step"))
ROW, BAR = 42, 12  # height of a bar with its words above it, and of the bar
SCALE = 240  # height of the plot of lines
AT = {10: 14.0, 100: 52.0, 1000: 90.0}  # where its numbers of tabs are, in percent across


def drawn(body: str, results: Results) -> tuple[bool, str]:
    """Draw what a fence says; return whether it is HTML (or else Markdown), and it. Its first line
    is `plot throughput 100`, `lines throughput`, `table throughput 100, cpu 100` or `machine`; the
    next ones name the configurations, one a line (none: all). Raise ResultError if it is wrong."""
    first, *names = [line.strip() for line in body.strip().splitlines()] or [""]
    kind, _, what = first.partition(" ")
    known = [each.name for each in CONFIGURATIONS]
    if wrong := [name for name in names if name not in known]:
        raise ResultError(f"nothing is called {', '.join(wrong)}: there are {', '.join(known)}")
    chosen = [name for name in names or known if name in results.names()]
    kinds: dict[str, Callable[[], str]] = {
        "plot": lambda: bars(results, what, chosen),
        "lines": lambda: lines(results, what, chosen),
        "table": lambda: table(results, [each.strip() for each in what.split(",")], chosen),
        "machine": lambda: machine(results),
    }
    if kind not in kinds:
        raise ResultError(f"“{first}” is none of {', '.join(kinds)}")
    return kind in ("plot", "lines"), kinds[kind]()


def title_of(key: str) -> str:
    """Return a plot's title."""
    measure, _, tabs = key.partition(" ")
    if measure not in MEASURES:
        raise ResultError(f"{measure} is none of {', '.join(MEASURES)}")
    title = MEASURES[measure].title
    return title[0].upper() + title[1:] + (f", {int(tabs):,} tabs in one room" if tabs else "")


def bars(results: Results, key: str, names: Sequence[str]) -> str:
    """Return a plot: a bar for each median, with a line from the smallest to the largest round."""
    title = title_of(key)
    names = [name for name in names if results.has(key, name)]
    if not names:
        raise ResultError(f"there is no {key} in the results")
    most = max(max(results.values(key, name)) for name in names)
    measure = MEASURES[key.split()[0]]
    shapes, said = [], []
    for row, name in enumerate(names):
        values, middle = results.values(key, name), results.median(key, name)
        label, value = results.data["labels"][name], measure.text(middle)
        low, high, width = (100 * each / most for each in (min(values), max(values), middle))
        top = row * ROW
        kind = "peer" if name in PEERS else "ours"
        shapes.append(
            f'<text x="0" y="{top + 16}">{escape(label)}</text>'
            f'<text class="value" x="100%" y="{top + 16}">{value}</text>'
            f'<rect class="{kind}" x="0" y="{top + 23}" width="{width:.2f}%" height="{BAR}"/>'
            f'<line class="spread" x1="{low:.2f}%" x2="{high:.2f}%" y1="{top + 29}"'
            f' y2="{top + 29}"/>'
        )
        said.append(f"{label}: {value}")
    note = f"Bar: the middle one of {results.data['rounds']} rounds. Line: all rounds."
    return _figure(title, ". ".join(said), note, len(names) * ROW, shapes)


def lines(results: Results, measure: str, names: Sequence[str]) -> str:
    """Return a plot of how a measure grows with the number of tabs; its scale is logarithmic."""
    title = f"{title_of(measure)}, by the number of tabs in the room"
    series = {
        name: {
            tabs: results.median(f"{measure} {tabs}", name)
            for tabs in AT
            if results.has(f"{measure} {tabs}", name)
        }
        for name in names
    }
    series = {name: points for name, points in series.items() if len(points) > 1}
    if not series:
        raise ResultError(f"there is no {measure} with several numbers of tabs in the results")
    values = [value for points in series.values() for value in points.values()]
    low, high = int(log10(min(values))), int(log10(max(values))) + 1
    shapes, said, text = [], [], MEASURES[measure].text

    def y(value: float) -> float:
        return 16 + (SCALE - 46) * (high - log10(value)) / (high - low)

    for power in range(low, high + 1):
        at = y(10**power)
        shapes.append(f'<line class="grid" x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}"/>')
        shapes.append(f'<text class="small" x="0" y="{at - 3:.1f}">{text(10**power)}</text>')
    for tabs, across in AT.items():
        shapes.append(
            f'<text class="small middle" x="{across}%" y="{SCALE - 8}">{tabs:,} tabs</text>'
        )
    for number, (name, points) in enumerate(series.items()):
        style, places = f"series-{number % 6}", sorted(points.items())
        for (tabs, value), (next_tabs, next_value) in pairwise(places):
            shapes.append(
                f'<line class="{style}" x1="{AT[tabs]}%" y1="{y(value):.1f}" '
                f'x2="{AT[next_tabs]}%" y2="{y(next_value):.1f}"/>'
            )
        for tabs, value in places:
            shapes.append(f'<circle class="{style}" cx="{AT[tabs]}%" cy="{y(value):.1f}" r="4"/>')
        label, at = results.data["labels"][name], SCALE + 18 + 22 * number
        shapes.append(f'<line class="{style}" x1="0" x2="34" y1="{at - 4}" y2="{at - 4}"/>')
        shapes.append(f'<circle class="{style}" cx="17" cy="{at - 4}" r="4"/>')
        shapes.append(f'<text x="42" y="{at}">{escape(label)}</text>')
        told = ", ".join(f"{text(value)} with {tabs:,} tabs" for tabs, value in places)
        said.append(f"{label}: {told}")
    note = f"The middle one of {results.data['rounds']} rounds. Each line across is ten times more."
    return _figure(title, ". ".join(said), note, SCALE + 6 + 22 * len(series), shapes)


def _figure(title: str, said: str, note: str, height: int, shapes: Sequence[str]) -> str:
    name = "plot-" + "".join(each if each.isalnum() else "-" for each in title.lower())
    return (
        f'<figure class="plot"><figcaption>{escape(title)}</figcaption>'
        f'<svg width="100%" height="{height}" role="img" aria-labelledby="{name}-title" '
        f'aria-describedby="{name}-desc"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(said)}.</desc>{"".join(shapes)}</svg>'
        f'<p class="plot-note">{escape(note)}</p></figure>'
    )


def table(results: Results, keys: Sequence[str], names: Sequence[str]) -> str:
    """Return a Markdown table: a row for each configuration, a column for each measure."""
    many = len({key.partition(" ")[2] for key in keys if "/" not in key and " " in key}) > 1
    heads = []
    for key in keys:
        what, _, base = (each.strip() for each in key.partition("/"))
        measure, _, tabs = what.partition(" ")
        title_of(what)
        if base and base not in results.names():
            raise ResultError(f"there is no {base} in the results")
        times = f", times {results.data['labels'][base]}" if base else ""
        with_tabs = f", {int(tabs):,} tabs" if tabs and many else ""
        heads.append(HEADS[measure] + times + with_tabs)
    rows = [f"| | {' | '.join(heads)} |", "| --- |" + " --: |" * len(keys)]
    for name in names:
        cells = [results.cell(key, name) for key in keys]
        if any(cell != "–" for cell in cells):
            rows.append(f"| {results.data['labels'][name]} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def machine(results: Results) -> str:
    """Return, as Markdown, what was measured where, with which versions."""
    data, at = results.data, results.data["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in data["versions"].items())
    where = (
        "The server had a processor of its own"
        if at["server on one of its own"]
        else ("The server had no processor of its own")
    )
    repeated = at["repeated for a busy neighbour"]
    again = (
        f"{repeated} visits were repeated, because a neighbour was busy"
        if repeated
        else ("no visit had to be repeated")
    )
    others = f"Other programs took at most {at['others at most']:.0%} of a processor; {again}."
    left = "".join(f" Not measured: {name} ({why})." for name, why in data["left out"].items())
    return (
        f"Measured on {data['measured']}, in {data['seconds']} seconds, on {at['processor']} with "
        f"{at['processors']} processors, {at['system']}. {where}. {others}{left} "
        f"Versions: {versions}.\n"
    )
