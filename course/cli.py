"""What `learn.py` does: its commands. They are thin; serve, compare and install do the work."""

import itertools
import math
import os
import random
import shlex
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from typer import Argument, Option

from course import carry as carrying
from course.chapters import (
    CHAPTERS,
    ROOT,
    SITE_PORT,
    TYPE_NEXT,
    Chapter,
    CourseError,
    chapter,
    on_site,
)
from course.compare import File, compare
from course.judge import folders, mistakes
from course.run import install, serve
from course.run.layers import LAYERS

LEARN = "py learn.py" if sys.platform == "win32" else "python3 learn.py"
SERVED = f"“{LEARN} docs” serves it"
PYTEST = ("-n", "4", "--dist", "loadgroup", "--durations", "10", "-rs")
STEP, SLOW = ("tests/course",), ("tests/slow",)
QUICK = (*STEP, "tests/tools", "tests/site")
LAYER_HELP = (
    "The channel layer. Default: the step's own settings, which use Redis if there is one, "
    "else memory."
)
HOST_HELP = "The address of this computer in your network: then all its devices can open the chat."
COLOURS = {"+": "green", "-": "red"}
ENDINGS = [getattr(signal, n) for n in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, n)]


class Commands(typer.core.TyperGroup):
    """The commands. What a person can fix becomes one red line and an exit status."""

    def invoke(self, context: typer.Context) -> object:
        try:
            return super().invoke(context)
        except CourseError as error:
            typer.secho(str(error), fg="red", err=True)
            raise typer.Exit(error.status) from None


app = typer.Typer(cls=Commands, add_completion=False, pretty_exceptions_enable=False)
STEP_HELP = "The number of a step, such as 3."
Step = Annotated[Chapter, Argument(metavar="STEP", parser=chapter, help=STEP_HELP)]
Side = Annotated[str, Argument(help="The number of a step, or a folder.")]
PORT = partial(Option, min=1, max=65535)
FOLDER = partial(Argument, metavar="FOLDER", help="A new folder, or an empty one.")


def main() -> None:
    """Run the command that was typed; leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # Windows pipes: cp1252 and the like
    app(prog_name=LEARN)


@app.callback(invoke_without_command=True)
def overview(context: typer.Context) -> None:
    """Django Channels, step by step. Without a command: the steps, and what to type next."""
    if context.invoked_subcommand:
        return
    typer.secho("Django Channels, step by step", bold=True)
    width = max(len(each.folder.name) for each in CHAPTERS)
    for each in CHAPTERS:
        name = typer.style(f"{each.folder.name:{width}}", fg="cyan")
        typer.echo(f"\n  {each.number}  {name}  {each.concept}\n{'':{width + 7}}→ {each.sees}")
    typer.echo("\nType next:")
    list_commands({f"{LEARN} {command}": what for command, what in TYPE_NEXT.items()})


def list_commands(commands: dict[str, str]) -> None:
    """Print commands, each with what it does, one below the other."""
    width = max(map(len, commands))
    for command, what in commands.items():
        typed = typer.style(f"{command:{width}}  " if what else command, fg="green")
        typer.echo(f"  {typed}{what}")


@app.command()
def run(
    step: Step,
    port: Annotated[int | None, PORT(help="Default: 8000 plus the step's number.")] = None,
    layer: Annotated[Literal[*LAYERS] | None, Option(help=LAYER_HELP)] = None,
    host: Annotated[str, Option(metavar="ADDRESS", help=HOST_HELP)] = "127.0.0.1",
) -> None:
    """Serve a step until Ctrl-C (exit status 0). An edit of its code reloads it."""
    number, port = step.number, port or step.port
    if layer and "redis" not in step.services:
        raise CourseError(f"Step {number} has no channel layer, so leave out --layer.", 2)
    require_free(port, f"run {number}{f' --layer {layer}' if layer else ''}")
    with until_stopped():
        environment = environment_of(step, layer)
        if serve.has_database(step.folder):
            url = os.environ.get("DATABASE_URL")
            place = os.environ.get("CHAT_DATA") or f"{step.folder.name}/data"
            where = f"{serve.masked(url)} (DATABASE_URL)" if url else f"a file in {place}"
            typer.echo(f"Database: {where}. First, its tables: python manage.py migrate")
        if host != "127.0.0.1":
            allowed = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
            environment["DJANGO_ALLOWED_HOSTS"] = f"{allowed},{host}"
            typer.echo(f"Every device in the network of {host} can open this chat.")
        worker = "worker" in step.services
        server = serve.Server(step.folder, port, environment, worker=worker, host=host)
        if server.work:
            typer.echo("Worker: Celery, in a process of its own. An edit does not reload it.")
        elif worker:
            typer.echo("Worker: none without Redis. The server does the jobs itself, in the view.")
        server.migrate()
        server.start(patience=math.inf)  # code with an error can be fixed: runserver reloads it
        stay(server.process, f"server of step {number}", f"Step {number}: {server.url}/chat/")


def require_free(port: int, command: str) -> None:
    """Raise CourseError, with a command that would work, if something listens on this port."""
    if serve.port_taken(port):
        taken = f"Port {port} is taken by another program. Stop that one, or type:"
        raise CourseError(f"{taken} {LEARN} {command} --port {serve.free_port()}")


@contextmanager
def until_stopped(status: int = 0) -> Iterator[None]:
    """Let Ctrl-C end the block, with this exit status, and with the block all that it started."""
    for name in ENDINGS:
        signal.signal(name, lambda number, _: sys.exit(128 + number))
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nStopped.")
        raise typer.Exit(status) from None
    finally:
        for name in (signal.SIGINT, *ENDINGS):
            signal.signal(name, signal.SIG_IGN)  # nothing interrupts what follows
        serve.stop_children()


def stay(process: subprocess.Popen, name: str, where: str) -> NoReturn:
    """Print where a server's pages are, wait until it ends by itself, and leave with its status."""
    typer.secho(f"\n{where}  (Ctrl-C stops it)\n", fg="green", bold=True)
    # Windows cannot interrupt process.wait().
    serve.wait_until(lambda: process.poll() is not None, "", math.inf)
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    raise CourseError(f"The {name} has ended, with exit status {status}.", status)


def environment_of(step: Chapter, name: str | None) -> dict[str, str | None]:
    """Print on which channel layer a step runs: that of this name, or its own. Return the variables
    for its server. Raise CourseError if a named layer lacks its service."""
    if "redis" not in step.services:
        return {"REDIS_URL": None}
    layer = LAYERS[name or "redis"]
    service = layer.title.partition(",")[0]
    if url := os.environ.get(layer.variable):
        if layer.service == "redis":
            serve.check_redis(url)
        where = f"the {service} at {serve.masked(url)} ({layer.variable})."
    elif layer.service == "redis" and serve.PrivateRedis.available():
        url = serve.PrivateRedis().url
        where = f"a Redis of its own, at {url}, which stops with it."
    elif name and layer.service:
        none = f"No {service} is found, and {layer.variable} is not set. To have one:"
        raise CourseError(f"{none} {install.how(layer.service)}.")
    else:
        where = "only for the tabs of this one process, in its memory."
        where += "" if name else " For one that processes share, install Redis or set REDIS_URL."
    typer.echo(f"Channel layer{f' {name}' if name else ''}: {where}")
    return layer.environment(url) if name else {"REDIS_URL": url}


@app.command(context_settings={"ignore_unknown_options": True})
def test(
    arguments: Annotated[
        list[str] | None,
        Argument(metavar="STEP ARGUMENTS", help="One step only; anything for pytest."),
    ] = None,
    slow: Annotated[bool, Option("--slow", help="Run the slow tests.")] = False,
) -> None:
    """Test in a real browser what every step, or one step, promises. Exit status: pytest's."""
    words, options, places = list(arguments or []), [*PYTEST], SLOW if slow else QUICK
    if words and words[0].isdecimal():
        options += ["--step", str(chapter(words.pop(0)).number)]
        places = SLOW if slow else STEP
    if any((ROOT / word.partition("::")[0]).exists() for word in words):
        places = ()  # named by the one who typed it
    install.prepare()
    import pytest

    os.chdir(ROOT)
    raise typer.Exit(pytest.main([*options, *words, *places]))


@app.command()
def start(step: Step, path: Annotated[Path, FOLDER()]) -> None:
    """Make a folder of your own to type a step into. It begins with the end of the step before."""
    folders.make(path, partial(folders.fill_to_begin, step))
    number, page, name = step.number, step.folder.name, path.resolve().name
    before = CHAPTERS.index(step)
    begins = f"the end of step {CHAPTERS[before - 1].number}" if before else "a project skeleton"
    typer.secho(f"{name} is {begins}, for you to make step {number} of it.", bold=True)
    typer.echo(f"\nIts page: {on_site(page + '.md')} ({SERVED}).")
    tell_how_to_run(path, ["python manage.py runserver"])
    list_commands(
        {
            f"{LEARN} check {number} --dir {pasted(path)}": "whether it works",
            f"{LEARN} diff {pasted(path)} {number}": "what is still to do",
        }
    )


@app.command()
def mistake(
    name: Annotated[str, Argument(metavar="MISTAKE", help="Default: any.")] = "",
    path: Annotated[Path | None, FOLDER()] = None,
    listed: Annotated[bool, Option("--list", help="List them all.")] = False,
) -> None:
    """Make a copy of a step with a mistake in it, one that learners make, to practise on."""
    every = {each.id: each for each in mistakes.load()}
    if listed:
        return list_mistakes(list(every.values()))
    if name and name not in every:
        none = f"There is no mistake “{name}”. “{LEARN} mistake --list” lists them."
        raise CourseError(none, 2)
    page = on_site(f"troubleshooting.md{f'#{name}' if name else ''}")
    answer = f"{page} ({SERVED})"
    if name:
        found = every[name]
    else:
        found = random.choice([each for each in every.values() if each.can_be_guessed()])
        places = (Path(f"practice{number}") for number in itertools.count(1))
        path = next(each for each in places if not each.exists())
    if not found.patch:
        raise CourseError(f"{name} is not in the code, so there is no copy. Read {answer}.", 2)
    if not path:
        raise CourseError(f"Name a folder for the copy: {LEARN} mistake {name} my_copy", 2)
    folders.make(path, partial(folders.fill_with_mistake, found))
    title = f"{path.resolve().name} is step {found.step} with a mistake in it: find it."
    typer.echo(f"{typer.style(title, bold=True)}\n\n{' '.join(found.when.split())}")
    if found.redis:
        typer.echo(f"So set REDIS_URL to the address of a Redis that is {found.redis}.")
    tell_how_to_run(path, *folders.typed(found))
    list_commands({f"{LEARN} check {found.step} --dir {pasted(path)}": "names the mistake"})
    typer.echo(f"\nThe answer: {answer}.")


def list_mistakes(every: list[mistakes.Mistake]) -> None:
    """Print the mistakes, chapter by chapter, and how to have a copy of one."""
    width = max(len(each.id) for each in every)
    for number, ones in groupby(every, lambda each: each.step):
        typer.secho(f"Step {number}", bold=True)
        for each in ones:
            note = "" if each.patch else typer.style("  (not in the code)", dim=True)
            typer.echo(f"  {typer.style(f'{each.id:{width}}', fg='cyan')}  {each.title}{note}")
        typer.echo()
    one = next(each.id for each in every if each.patch)
    typer.echo(f"To make a copy to practise on, type its name: {LEARN} mistake {one} my_copy")


def tell_how_to_run(path: Path, commands: list[str], elsewhere: Sequence[str] = ()) -> None:
    """Print what to type to run a learner's folder: commands in order, and those `elsewhere`, in
    other terminals. What is printed next is for another terminal, too."""
    where = "in the folder of the course" + ("" if Path.cwd() == ROOT else f", {ROOT}")
    activate = r".venv\Scripts\activate" if sys.platform == "win32" else "source .venv/bin/activate"
    typer.echo(f"\nTo run it, {where}:")
    list_commands(dict.fromkeys([activate, f"cd {pasted(path)}", *commands], ""))
    for each in elsewhere:
        typer.echo("\nIn another terminal, begun in the same way:")
        list_commands({each: ""})
    typer.echo(f"\nIn another terminal, {where}:")


def pasted(path: Path) -> str:
    """Return a path as a shell takes it in the folder of the course."""
    text = str(path) if Path.cwd() == ROOT else os.path.abspath(path)
    return subprocess.list2cmdline([text]) if sys.platform == "win32" else shlex.quote(text)


@app.command()
def check(
    step: Step,
    path: Annotated[
        str, Option("--dir", metavar="FOLDER", help="Your project: the folder with manage.py.")
    ] = "",
    url: Annotated[str, Option(metavar="URL", help="The address of a site that runs.")] = "",
    everything: Annotated[bool, Option("--all", help="Also run the slow rows.")] = False,
    browser: Annotated[bool, Option(help="Also open browser tabs.")] = True,
    wire: Annotated[bool, Option("--wire", help="Judge the socket alone, not the pages.")] = False,
) -> None:
    """Check whether your own chat does what a step promises. Exit status: 0 if it does."""
    if bool(path) == bool(url):
        raise CourseError("Type --dir and the folder of your project, or --url and an address.", 2)
    project, redis_url = folder(path) if path else None, os.environ.get("REDIS_URL")

    from course.judge import check as judged  # after what is cheap to refuse: it takes a second
    from course.judge import report, target
    from course.judge.browser import lazy_browser

    no_tabs = "--wire" if wire else judged.reason_against_tabs(browser)
    with until_stopped(130), ExitStack() as own:
        if project:
            if redis_url and "redis" in step.services:
                serve.check_redis(redis_url)
            site = own.enter_context(target.Project(project, step.services, redis_url))
        else:
            site = target.site_at(url)
        tabs = None if no_tabs else own.enter_context(lazy_browser())
        good = report.judge(judged.Check(site, step, tabs, no_tabs, wire), everything)
    raise typer.Exit(0 if good else 1)


@app.command()
def diff(old: Side, new: Side) -> None:
    """Show what differs between two steps, or what is still to do in a folder of your own."""
    before, after = folder(old), folder(new)
    steps = {each.folder: each for each in CHAPTERS}
    try:
        if (before in steps) != (after in steps):
            mine, step = (old, after) if after in steps else (new, before)
            return tell_what_to_do(Path(mine), steps[step])
        files = [each for each in compare(before, after) if each.status != "same"]
    except OSError as error:
        raise CourseError(str(error)) from None
    counts, added, removed = show(files, {})
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in ("new", "removed", "changed"))
    typer.echo(f"\n{before.name} → {after.name}: {kinds} files; +{added} -{removed} lines")


def show(files: list[File], words: dict[str, str]) -> tuple[Counter[str], int, int]:
    """Print the changes of files, and what each is, by its status or in other words; return how
    many files have each status, and how many lines are added and removed."""
    for file in files:
        what = words.get(file.status, file.status)
        if not file.lines:
            what += ", not a text" if file.binary else ", empty"
        typer.secho(f"\n{file.path} ({what})", bold=True)
        for hunk in file.hunks():
            old = next((line.old for line in hunk if line.old), 0)
            new = next((line.new for line in hunk if line.new), 0)
            typer.secho(f"@@ -{old} +{new} @@", fg="cyan")
            for line in hunk:
                typer.secho(line.mark + line.text, fg=COLOURS.get(line.mark))
    marks = Counter(line.mark for file in files for line in file.lines)
    return Counter(each.status for each in files), marks["+"], marks["-"]


def tell_what_to_do(mine: Path, step: Chapter) -> None:
    """Print what a learner's folder still lacks of a step, and what is only there."""
    files = folders.to_do(mine, step.folder)
    counts, added, removed = show(files, {"new": "to write", "changed": "to change"})
    if own := sorted(folders.only_in(mine, step.folder)):
        typer.echo(f"\nOnly in {mine.resolve().name}: {', '.join(own)}")
    if not files:
        return typer.echo(f"Nothing is left to do: every line of step {step.number} is there.")
    check = f"{LEARN} check {step.number} --dir {pasted(mine)}"
    typer.echo(f"\nDifferent is not wrong: “{check}” shows whether it works.")
    typer.echo(
        f"Still to do: {counts['new']} files to write, {counts['changed']} to change: "
        f"{added} lines to add (+), {removed} to take away (-)."
    )


@app.command()
def docs(
    port: Annotated[int, PORT(help="Where the site is served.")] = SITE_PORT,
) -> None:
    """Serve the course's site until Ctrl-C. An edit of a page or of a step builds it anew."""
    require_free(port, "docs")
    # Material for MkDocs announces at every start that it will end in 2027.
    environment = {"NO_MKDOCS_2_WARNING": "1", **os.environ}
    command = [sys.executable, "-m", "mkdocs", "serve", "--dev-addr", f"127.0.0.1:{port}"]
    with until_stopped():
        server = subprocess.Popen(command, cwd=ROOT, env=environment, **serve.OWN_GROUP)
        stay(server, "server of the site", f"The site: http://localhost:{port}/")


@app.command()
def bench(
    quick: Annotated[
        bool, Option("--quick", help="Half a minute: fewer servers, less exact.")
    ] = False,
    url: Annotated[str, Option(metavar="URL", help="The address of a chat that runs.")] = "",
    file: Annotated[
        typer.FileTextWrite | None,
        Option("--json", mode="a", lazy=False, help="Write the results here."),
    ] = None,
) -> None:
    """Measure how async, the channel layer, the server and the fan-out change the speed."""
    from bench import show
    from course.judge import target

    with until_stopped(130):
        show.main(quick, target.site_at(url).url if url else "", file)


@app.command()
def record(
    everything: Annotated[bool, Option("--all", help="Also make what is up to date.")] = False,
) -> None:
    """Make the README's tables, the diagrams and the recordings that are out of date."""
    from course.record import record as recorder

    with until_stopped():
        install.prepare()
        try:
            recorder.main(everything)
        except ValueError as error:
            raise CourseError(str(error)) from None


@app.command()
def carry(step: Step) -> None:
    """Make the uncommitted edits of a step in later steps, too. Exit status: 1 if one fails."""
    edits, later = carrying.edits(step), CHAPTERS[CHAPTERS.index(step) + 1 :]
    outcomes = [carrying.carry(edit, each.folder) for edit in edits for each in later]
    for each in outcomes:
        typer.secho(f"{each.path} {each.done}", fg="red" if each.conflicts else None)
        for line in each.conflicts:
            typer.secho(f"  {line}", fg=COLOURS.get(line[0]))
    conflicts = any(each.conflicts for each in outcomes)
    if conflicts:
        typer.echo("\n- and + is the edit; ! is what the later step has there: edit it by hand.")
    if leftovers := carrying.leftovers(edits):
        typer.echo("\nThese files still contain the old lines:")
        typer.echo("\n".join(f"  {line}" for line in leftovers))
    raise typer.Exit(1 if conflicts else 0)


def folder(side: str) -> Path:
    """Return the folder that a step's number or a path means, or raise CourseError."""
    if side.isdecimal():
        return chapter(side).folder
    if not Path(side).is_dir():
        none = f"There is no folder {side} here. Type a step's number or the path of a folder."
        raise CourseError(none, 2)
    if not (Path(side) / "manage.py").is_file():
        raise CourseError(f"The folder {side} is no Django project: it has no manage.py.", 2)
    return Path(side).resolve()


if __name__ == "__main__":
    main()
