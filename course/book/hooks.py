"""The site's machinery: the hooks that MkDocs calls. They are thin: listing, draw, pages, mistakes
and the others do the work, and know nothing of MkDocs."""

import struct
import sys
from html import escape
from itertools import combinations
from pathlib import Path
from textwrap import indent

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where the command `mkdocs` is not

from bench import plots
from bench.results import FILE, Results, fill_in
from course import matrix
from course.book.coverage import problems
from course.book.draw import draw, draw_file, draw_terminal
from course.book.listing import read
from course.chapters import CHAPTERS, ROOT, Chapter, predecessor, provided
from course.compare import compare
from course.judge import mistakes
from course.markdown import Fence, fences
from course.record import diagrams, films
from course.record.readme import chapters_table
from course.record.record import last_run
from course.run import layers

EVERY_FILE = "## Every file of this step { data-search-exclude }"

found: list[str] = []  # what is wrong with the pages, all of them, until it is told at once


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """MkDocs calls this first: say how our fences are drawn, and what changes the site."""
    formats = {"step": _step, "console": _console, "mermaid": _diagram, "drawn": _drawn}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [
        {"name": name, "class": name, "validator": _any_option, "format": drawn}
        for name, drawn in formats.items()
    ]
    folders = [*(chapter.folder for chapter in CHAPTERS), ROOT / "layers"]
    config.watch += [str(FILE), *map(str, folders)]
    return config


def on_pre_build(config: MkDocsConfig) -> None:
    """MkDocs calls this before every build."""
    found.clear()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """MkDocs calls this with what is in docs/: add a page for every two steps to compare."""
    for chapter in CHAPTERS:
        if f"{chapter.folder.name}.md" not in files.src_uris:
            raise PluginError(
                f"there is no page {chapter.folder.name}.md for step {chapter.number}"
            )
    for old, new in combinations(CHAPTERS, 2):
        name = f"compare/{old.number}-{new.number}.md"
        files.append(File.generated(config, name, content=_comparison(old, new)))
    return files


def on_page_read_source(page: Page, config: MkDocsConfig) -> str:
    """MkDocs calls this for the text of each page: put measured numbers into its sentences."""
    text = page.file.content_string
    try:
        return fill_in(text, Results.read())
    except ValueError as error:
        found.append(f"docs/{page.file.src_uri}, {error}")
        return text


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """MkDocs calls this with the text of each page: check it, and put in what is made by us."""
    name = page.file.src_uri
    chapter = next((each for each in CHAPTERS if f"{each.folder.name}.md" == name), None)
    if chapter and page.meta.get("step") != chapter.number:
        found.append(f"docs/{name}: its first lines have to say `step: {chapter.number}`")
    if page.file.abs_src_path:  # not one of those that were made above
        text = Path(page.file.abs_src_path).read_text("utf-8")
        found.extend(f"docs/{name}, {problem}" for problem in problems(text, chapter))
    for fence in fences(markdown):
        if fence.language == "mermaid" and (problem := diagrams.stale(fence.body)):
            found.append(f"docs/{name}: {problem}")
        if make := DRAWN_AS_MARKDOWN.get(fence.language):
            try:
                text = indent(make(fence, page), " " * fence.indent)
            except ValueError as error:
                found.append(f"docs/{name}, {fence.language} {fence.body.strip()}: {error}")
            else:
                markdown = markdown.replace(fence.text, text, 1)
    for mark, make in INSERTED.items():
        if mark in markdown:
            try:
                markdown = markdown.replace(mark, make())
            except ValueError as error:
                found.append(f"docs/{name}, {mark}: {error}")
    if chapter:
        markdown += f"\n{EVERY_FILE}\n\n{_every_file(predecessor(chapter), chapter.folder)}"
    return markdown


def on_env(env: object, config: MkDocsConfig, files: Files) -> None:
    """MkDocs calls this once all pages are read: stop here if something is wrong with them."""
    if found:
        raise PluginError("\n  ".join(["the pages do not fit the code:", *dict.fromkeys(found)]))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """MkDocs calls this with the HTML of a page's text: mend what hinders a keyboard (a wide table
    scrolls) or a screen reader (a heading of a table without words)."""
    return html.replace("<table>", '<table tabindex="0">').replace("<th></th>", "<td></td>")


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """MkDocs calls this with the HTML of each page: give Material's search dialog a name."""
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"', 1)


# Fences that are drawn as HTML: pymdownx.superfences calls these.


def _any_option(language: str, inputs: dict, options: dict, attrs: dict, md: object) -> bool:
    options.update(inputs)
    return True


def _step(source: str, *_: object, **__: object) -> str:
    try:
        return draw(read(source))
    except ValueError as error:  # on_page_markdown has said so, with the line of the page
        return f"<p>{escape(str(error))}</p>"


def _console(source: str, language: str, css_class: str, options: dict, *_: object, **__) -> str:
    return draw_terminal(options.get("title", ""), source)


def _diagram(source: str, *_: object, **__: object) -> str:
    if problem := diagrams.stale(source):  # told by on_page_markdown as well
        return f"<p>{escape(problem)}</p>"
    drawing = diagrams.diagram(source).read_text("utf-8")
    return f'<div class="diagram" tabindex="0" role="group" aria-label="Diagram">{drawing}</div>'


def _drawn(source: str, *_: object, **__: object) -> str:
    return source


# Fences that become Markdown first, so that their links are checked like all others.


def _mistake(fence: Fence, page: Page) -> str:
    mistake = mistakes.get(fence.body.strip())
    return f'??? failure "{mistake.title}"\n\n{indent(mistakes.markdown(mistake), "    ")}'


def _matrix(fence: Fence, page: Page) -> str:
    return f"{matrix.markdown()}\n{last_run().markdown()}\n"


def _layers(fence: Fence, page: Page) -> str:
    return layers.markdown()


def _recording(fence: Fence, page: Page) -> str:
    folder, _, words = fence.body.strip().partition(": ")
    if not words:
        raise ValueError("this is not `folder: what the recording shows`")
    still, moving = (
        get_relative_url(f"recordings/{folder}.{kind}", page.url) for kind in ("png", "webp")
    )
    chapter = next((each for each in CHAPTERS if each.folder.name == folder), None)
    if not chapter:
        raise ValueError("there is no such step")
    if problem := films.stale(chapter):
        raise ValueError(problem)
    with (films.RECORDINGS / f"{folder}.png").open("rb") as picture:
        width, height = struct.unpack(">16xII", picture.read(24))  # where a PNG has them
    # It moves only for those who have nothing against it, and folding it stops it.
    return _fenced(
        f'<details class="recording" open><summary>Recording: {escape(words)}</summary><picture>'
        f'<source media="(prefers-reduced-motion: reduce)" srcset="{still}">'
        f'<img src="{moving}" alt="{escape(words)}" width="{width}" height="{height}" '
        f'loading="lazy"></picture></details>'
    )


def _bench(fence: Fence, page: Page) -> str:
    is_html, text = plots.drawn(fence.body, Results.read())
    return _fenced(text) if is_html else text


DRAWN_AS_MARKDOWN = {
    "bench": _bench,
    "layers": _layers,
    "matrix": _matrix,
    "mistake": _mistake,
    "recording": _recording,
}


# What stands alone on a line of a page, and what is put there.


def _chapters() -> str:
    return chapters_table(
        lambda each: f"[{each.number}: {each.name.replace('_', ' ')}]({each.folder.name}.md)"
    )


def _comparisons() -> str:
    lines = ["| from | to |", "| --- | --- |"]
    for old in CHAPTERS[:-1]:
        links = (
            f"[step {new.number}](compare/{old.number}-{new.number}.md)"
            for new in CHAPTERS
            if new.number > old.number
        )
        lines.append(f"| step {old.number} | {' · '.join(links)} |")
    return "\n".join(lines) + "\n"


INSERTED = {
    "<!-- chapters -->": _chapters,
    "<!-- comparisons -->": _comparisons,
    "<!-- mistakes -->": mistakes.page,
}


def _comparison(old: Chapter, new: Chapter) -> str:
    changed = sum(each.status != "same" for each in compare(old.folder, new.folder))
    return (
        f"---\nsearch: {{exclude: true}}\n---\n# From step {old.number} to step {new.number}\n\n"
        f"{changed} files of `{new.folder.name}` differ from `{old.folder.name}`. Fold a file out "
        f"to see its lines; its button copies the whole file as it is in step {new.number}. In a "
        f"terminal, `python3 learn.py diff {old.number} {new.number}` says the same. "
        f"[Compare other steps](../compare.md).\n\n{_every_file(old.folder, new.folder)}"
    )


def _every_file(old: Path | None, new: Path) -> str:
    return _fenced("".join(draw_file(file, provided(file.path)) for file in compare(old, new)))


def _fenced(html: str) -> str:
    """Return a fence that comes out as this HTML, untouched by Markdown."""
    return f"``````drawn\n{html}\n``````\n"
