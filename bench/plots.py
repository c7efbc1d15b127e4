"""The fence `bench` of the site: the results as a plot (SVG) or as a table.

Positions across are in percent, so that a plot is as wide as its page and its words keep their
size; colours come from the site's style sheet, light and dark."""

import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Template

from bench.configurations import BY_NAME, LABELS, PEERS
from bench.results import MEASURES, Results, number

PLOT = Path(__file__).with_name("plot.html").read_text("utf-8")


def drawn(body: str, results: Results) -> tuple[bool, str]:
    """Draw a fence; return whether it is HTML (or else Markdown), and it. Its first line is
    `plot throughput 100`, `table throughput 100, cpu 100 / websockets` or `machine`; the next ones
    name configurations, one a line (none: all). Raise ValueError if it is wrong."""
    first, *names = [line.strip() for line in body.strip().splitlines()] or [""]
    kind, _, what = first.partition(" ")
    if wrong := [name for name in names if name not in BY_NAME]:
        raise ValueError(f"nothing is called {', '.join(wrong)}: there are {', '.join(BY_NAME)}")
    names = [name for name in names or BY_NAME if name in results.data["configurations"]]
    if kind == "plot":
        return True, plot(results, what, names)
    if kind == "table":
        return False, table(results, [each.strip() for each in what.split(",")], names)
    if kind == "machine":
        return False, machine(results)
    raise ValueError(f"“{first}” is none of plot, table, machine")


def plot(results: Results, key: str, names: Sequence[str]) -> str:
    """Return a plot: a bar for each median, with a line from the smallest to the largest round."""
    found = {name: spread for name in names if (spread := results.spread(key, name))}
    if not found:
        raise ValueError(f"there is no {key} in the results")
    measure, _, tabs = key.partition(" ")
    words, unit = MEASURES[measure]
    title = words.capitalize() + (f", {int(tabs):,} tabs in one room" if tabs else "")
    most = max(high for _, _, high in found.values())
    bars = []
    for name, spread in found.items():
        low, middle, high = (f"{100 * each / most:.2f}%" for each in spread)
        kind = "peer" if BY_NAME[name].folder == PEERS else "ours"
        bar = {"label": LABELS[name], "value": f"{number(spread[1])} {unit}".strip(), "kind": kind}
        bars.append(bar | {"low": low, "middle": middle, "high": high})
    template = Template(PLOT, autoescape=True, trim_blocks=True)
    return template.render(title=title, bars=bars, rounds=results.data["rounds"])


def table(results: Results, keys: Sequence[str], names: Sequence[str]) -> str:
    """Return a Markdown table: a row for each configuration, a column for each key."""
    several = len({tabs for key in keys for tabs in re.findall(r" \d+$", key)}) > 1
    heads = []
    for key in keys:
        if not any(results.spread(key, name) for name in names):
            raise ValueError(f"there is no {key} in the results")
        measure, tabs, base = re.fullmatch(r"(\w+)(?: (\d+))?(?: / (\S+))?", key).groups()
        times = f", times {LABELS[base]}" if base else ""
        with_tabs = f", {int(tabs):,} tabs" if several and tabs and not base else ""
        heads.append(MEASURES[measure][0] + times + with_tabs)
    rows = [f"| | {' | '.join(heads)} |", "| --- |" + " --: |" * len(keys)]
    for name in names:
        cells = [cell(results, key, name) for key in keys]
        if any(text != "–" for text in cells):
            rows.append(f"| {LABELS[name]} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def cell(results: Results, key: str, name: str) -> str:
    """Return a cell: the median and, below it, the smallest and the largest."""
    if not (spread := results.spread(key, name)):
        return "–"
    low, middle, high = map(number, spread)
    unit = "" if "/" in key else MEASURES[key.split()[0]][1]
    text = f"{middle} {unit}".strip().replace(" ", "\N{NO-BREAK SPACE}")
    return text if low == high else f"{text}<br><small>{low}–{high}</small>"


def machine(results: Results) -> str:
    """Return, as a Markdown table, what was measured where, with which versions."""
    data, at = results.data, results.data["machine"]
    rows = {
        "measured": f"{data['measured']}, {data['seconds']} s, {data['rounds']} rounds",
        "machine": f"{at['processor']}, {at['processors']} processors, {at['system']}",
        "the server has a processor of its own": "yes" if at["server on one of its own"] else "no",
        "other programs, of the processor time": f"at most {100 * at['others at most']:.1f} %",
        "versions": ", ".join(f"{name} {number}" for name, number in data["versions"].items()),
        "not measured": ", ".join(f"{name} ({why})" for name, why in data["left out"].items()),
    }
    first, *lines = [f"| {head} | {text} |" for head, text in rows.items() if text]
    return "\n".join([first, "| --- | --- |", *lines]) + "\n"
