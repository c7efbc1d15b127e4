"""What MkDocs calls to build the site; the work is done in listing, render, coverage and others.
Whatever is wrong with a page is a warning, and in strict mode a build with a warning fails."""

import re
import sys
from itertools import combinations, groupby
from pathlib import Path
from textwrap import indent

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where the command `mkdocs` is not

from bench import plots
from bench.results import FILE, Results, fill_in
from course import chapters, matrix
from course.book.coverage import problems
from course.book.listing import Listing, read
from course.book.render import HTML, render, render_file, render_terminal
from course.chapters import CHAPTERS, ROOT, chapter, predecessor
from course.compare import compare, compare_texts
from course.judge import mistakes
from course.markdown import Fence, fences
from course.record import diagrams, films
from course.run import layers

STEPS = {chapter.folder.name: chapter for chapter in CHAPTERS}
COMPARISON = Path(__file__).with_name("comparison.md").read_text("utf-8")
MATRIX_HEAD = "[{0.number}<span> {title}</span>]({0.folder.name}.md)"
FILES = "<!-- every file -->"  # a place on a page that neither Markdown nor the search has to read
OUT_OF_DATE = "out of date: run `python3 learn.py record`"

log = get_plugin_logger("course")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """MkDocs calls this first: say what `raw` and `diff` fences are, and what changes the site."""
    drawn = {"raw": lambda source, *_, **__: source, "diff": _diff}
    kinds = [{"name": name, "class": name, "format": draw} for name, draw in drawn.items()]
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = kinds
    config.edit_uri = config.repo_url and (config.edit_uri or "edit/main/docs/")
    config.extra["steps"] = list(STEPS)  # for theme/main.html
    config.watch += map(str, [FILE, ROOT / "layers", *(each.folder for each in CHAPTERS)])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """MkDocs calls this with what is in docs/: add a page for every two steps to compare."""
    for old, new in combinations(CHAPTERS, 2):
        name, text = f"compare/{old.number}-{new.number}.md", COMPARISON.format(old=old, new=new)
        files.append(File.generated(config, name, content=text + FILES))
    return files


def on_page_read_source(page: Page, config: MkDocsConfig) -> str:
    """MkDocs calls this for the text of each page: put measured numbers into its sentences."""
    text = page.file.content_string
    try:
        return fill_in(text, Results.read())
    except ValueError as error:
        log.warning(f"docs/{page.file.src_uri}, {error}")
        return text


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """MkDocs calls this with the text of each page: check it, and put in what is made by us."""
    source, where = page.file.content_string, f"docs/{page.file.src_uri}"
    chapter = STEPS.get(page.file.name)
    if config.repo_url:
        markdown = markdown.replace("(REPO_URL)", f"({config.repo_url})")
    markdown = re.sub(r"\[[^]]*\]\(REPO_URL\)(\{.*?\})?", "", markdown)
    tests = files.get_file_from_path(f"{page.file.name}_tests.md")
    for problem in problems(source, chapter, tests.content_string if tests else ""):
        log.warning(f"{where}, {problem}")
    for fence in fences(source):
        if make := MADE_FROM.get(fence.language, _file if fence.title else None):
            try:
                made = indent(make(fence, page), " " * fence.indent)
            except ValueError as error:
                log.warning(f"{where}, line {fence.line}: {error}")
                made = ""
            markdown = markdown.replace(fence.text, made, 1)
    if chapter:
        markdown += f"\n## Every file of this step {{ data-search-exclude }}\n\n{FILES}\n"
    return re.sub(r'^( *```.*) skip="[^"]*"', r"\1", markdown, flags=re.MULTILINE)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """MkDocs calls this with the HTML of each page: put in whole files; no head is empty."""
    name = page.file.name
    if name in STEPS:
        output = output.replace(FILES, _every_file(predecessor(STEPS[name]), STEPS[name].folder))
    elif page.file.src_uri.startswith("compare/"):
        old, new = (chapter(number).folder for number in name.split("-"))
        output = output.replace(FILES, _every_file(old, new, opens=True))
    return output.replace("<th></th>", "<td></td>")


# What becomes of a fence on a page, by its language. ValueError: the fence cannot be understood, or
# what it shows is out of date.


def _recording(fence: Fence, page: Page) -> str:
    folder, _, words = fence.body.strip().partition(": ")
    if folder not in STEPS or not words:
        raise ValueError(f"{fence.body.strip()} is not `folder: what the recording shows`")
    if films.stale(STEPS[folder]):
        raise ValueError(f"the recording of {folder} is {OUT_OF_DATE}")
    paths = films.paths(STEPS[folder])
    with Image.open(paths[0]) as still:
        urls = [get_relative_url(f"recordings/{each.name}", page.url) for each in paths]
        return _raw(HTML.recording(words, still.size, urls))


def _mermaid(fence: Fence, page: Page) -> str:
    path = diagrams.drawing(fence.body)
    if diagrams.stale(fence.body):
        raise ValueError(f"the diagram {path.stem} is {OUT_OF_DATE}")
    svg = path.read_text("utf-8")
    return _raw(f'<div class="diagram" role="group" aria-label="Diagram">{svg}</div>')


def _mistake(fence: Fence, page: Page) -> str:
    mistake = mistakes.get(fence.body.strip())
    return f'??? failure "{mistake.title}"\n\n{indent(mistakes.markdown(mistake, _fix), "    ")}'


def _bench(fence: Fence, page: Page) -> str:
    is_html, text = plots.drawn(fence.body, Results.read())
    return _raw(text) if is_html else text


def _marked(table: str) -> str:
    """Give the marks of a table names for screen readers."""
    return re.sub(r"(?<=\| )[✔✘–](?=[ <])", lambda mark: HTML.mark(mark[0]), table)


def _comparisons(fence: Fence, page: Page) -> str:
    rows = ["| from | to |", "| --- | --- |"]
    for old, pairs in groupby(combinations(CHAPTERS, 2), lambda pair: pair[0].number):
        links = [f"[step {new.number}](compare/{old}-{new.number}.md)" for _, new in pairs]
        rows.append(f"| step {old} | {' · '.join(links)} |")
    return "\n".join(rows) + "\n"


MADE_FROM = {
    "bench": _bench,
    "chapters": lambda fence, page: chapters.markdown("[{0.number}: {title}]({0.folder.name}.md)"),
    "comparisons": _comparisons,
    "console": lambda fence, page: _raw(render_terminal(fence.title, fence.body)),
    "layers": lambda fence, page: _marked(layers.markdown()),
    "matrix": lambda fence, page: _marked(matrix.markdown(MATRIX_HEAD, fence.body.split())),
    "mermaid": _mermaid,
    "mistake": _mistake,
    "mistakes": lambda fence, page: mistakes.page(_fix),
    "recording": _recording,
    "sh": lambda fence, page: _raw(render_terminal(fence.title, indent(fence.body, "$ "))),
    "step": lambda fence, page: _raw(render(read(fence.body))),
}


def _file(fence: Fence, page: Page) -> str:
    """Draw a file that a reader writes, and that is in no step: its title is its path."""
    file = compare_texts(fence.title.partition(",")[0], fence.body, fence.body)
    return _raw(render(Listing(ROOT, file, file.lines, set())))


def _every_file(old: Path | None, new: Path, opens: bool = False) -> str:
    return "".join(render_file(file, opens) for file in compare(old, new))


def _fix(folder: Path, path: str, wrong: str, right: str) -> str:
    return _raw(_before_and_after(folder, path, wrong, right))


def _before_and_after(folder: Path, path: str, wrong: str, right: str) -> str:
    file = compare_texts(path, wrong, right)
    lines = [line for hunk in file.hunks() for line in hunk]
    return render(Listing(folder, file, lines, set()), copies=False)


def _diff(source: str, *_: object, attrs: dict[str, str], **__: object) -> str:
    """Return a diff as a fix is drawn: its file is in no step."""
    wrong, right = ("\n".join(re.findall(rf"^[{it}](.*)", source, re.M)) for it in "-+")
    return _before_and_after(ROOT, attrs["title"], wrong, right)


def _raw(html: str) -> str:
    """Return a fence that comes out as this HTML, untouched by Markdown."""
    return f"``````raw\n{html}\n``````\n"
