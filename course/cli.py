"""What `learn.py` does: its commands. They are thin; serve, compare and install do the work."""

import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from course.chapters import CHAPTERS, ROOT, Chapter, chapter

LEARN = "py learn.py" if sys.platform == "win32" else "python3 learn.py"
PYTEST = ("-n", "3", "--dist", "loadgroup", "--durations", "10", "-rs")
COLOURS = {"+": "green", "-": "red"}
ENDINGS = [getattr(signal, n) for n in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, n)]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
Step = Annotated[str, typer.Argument(metavar="STEP", help="The number of a step, such as 3.")]
Side = Annotated[str, typer.Argument(help="The number of a step, or a folder.")]


def main() -> None:
    """Run the command that was typed; leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # Windows pipes: cp1252 and the like
    app(prog_name=LEARN)


def refuse(text: str, status: int = 1) -> NoReturn:
    """Leave with one line that says what was wrong and what to do."""
    typer.secho(text, fg="red", err=True)
    raise typer.Exit(status)


def chosen(text: str) -> Chapter:
    """Return the chapter with this number, as typed; leave if there is none."""
    try:
        return chapter(int(text))
    except ValueError:
        numbers = ", ".join(str(each.number) for each in CHAPTERS)
        refuse(f"“{text}” is not the number of a step. The steps are {numbers}.", 2)
    except LookupError as error:
        refuse(str(error), 2)


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
    for command, what in (
        ("run 1", "serve step 1, then open the address that it prints"),
        ("diff 1 2", "what step 2 changes"),
        ("test 1", "prove what step 1 promises, in a real browser"),
        ("docs", "read the course: the site that explains every step"),
        ("--help", "all commands"),
    ):
        typer.echo(f"  {typer.style(f'{LEARN} {command:8}', fg='green')}  {what}")


@app.command()
def run(
    step: Step,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Unless given, 8000 plus the step's number."),
    ] = None,
) -> None:
    """Serve a step until Ctrl-C (exit status 0). An edit of its code reloads it."""
    from course import serve

    number, folder, port = chosen(step).number, chosen(step).folder, port or chosen(step).port
    require_free(port, f"run {number}")
    with until_stopped():
        redis_url = layer() if "redis" in chosen(step).services else None
        server = serve.Server(folder, port, {"REDIS_URL": redis_url})
        server.start(patience=math.inf)  # whoever broke the code can mend it, and it reloads
        announce(f"Step {number}: {server.url}/chat/")
        stay(server.process, f"server of step {number}")


def require_free(port: int, command: str) -> None:
    """Leave, with a command that would work, if something listens on this port."""
    from course import serve

    if serve.port_taken(port):
        other = f"{LEARN} {command} --port {serve.free_port()}"
        refuse(f"Port {port} is taken by another program. Stop that one, or type: {other}")


@contextmanager
def until_stopped() -> Iterator[None]:
    """Let Ctrl-C end the block, with exit status 0, and with the block all that it started."""
    from course import serve

    for name in ENDINGS:
        signal.signal(name, lambda number, _: sys.exit(128 + number))
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nStopped.")
    except serve.ServeError as error:
        refuse(str(error))
    finally:
        for name in (signal.SIGINT, *ENDINGS):
            signal.signal(name, signal.SIG_IGN)  # nothing interrupts what follows
        serve.stop_children()


def announce(what: str) -> None:
    """Say where something can be seen now."""
    typer.secho(f"\n{what}  (Ctrl-C stops it)\n", fg="green", bold=True)


def stay(process: subprocess.Popen, name: str) -> NoReturn:
    """Wait until a process ends by itself, and leave with its status."""
    while (status := process.poll()) is None:
        time.sleep(0.1)
    status = status if status >= 0 else 128 - status
    refuse(f"The {name} has ended, with exit status {status}.", status)


def layer() -> str | None:
    """Say which channel layer there is; return the address of its Redis, or None without one."""
    from course import serve

    if url := os.environ.get("REDIS_URL"):
        serve.check_redis(url)
        typer.echo(f"Channel layer: the Redis at {serve.masked(url)} (REDIS_URL).")
        return url
    if serve.PrivateRedis.available():
        url = serve.PrivateRedis().url
        typer.echo(f"Channel layer: a Redis of its own, at {url}, which ends with it.")
        return url
    typer.echo(
        "Channel layer: in memory, for the tabs of this one process only. "
        "Install redis-server, or set REDIS_URL, for a layer that processes share."
    )
    return None


@app.command(context_settings={"ignore_unknown_options": True})
def test(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="STEP ARGUMENTS", help="One step only; anything for pytest."),
    ] = None,
) -> None:
    """Prove, in a real browser, what every step promises, or one. Exit status: pytest's."""
    from course import install

    words, options = list(arguments or []), [*PYTEST]
    if words and words[0].isdecimal():
        options += ["--step", str(chosen(words.pop(0)).number)]
    try:
        install.prepare()
    except install.InstallError as error:
        refuse(str(error))
    import pytest

    os.chdir(ROOT)
    raise typer.Exit(pytest.main([*options, *words]))


@app.command()
def diff(old: Side, new: Side) -> None:
    """Show what differs between two steps, or between a folder of yours and a step."""
    from course.compare import compare

    before, after = folder(old), folder(new)
    try:
        files = [each for each in compare(before, after) if each.status != "same"]
    except OSError as error:
        refuse(str(error))
    for each in files:
        binary = ", not a text" if each.binary else ""
        typer.secho(f"\n{each.path} ({each.status}{binary})", bold=True)
        for hunk in each.hunks():
            old = next((line.old for line in hunk if line.old), 0)
            new = next((line.new for line in hunk if line.new), 0)
            typer.secho(f"@@ -{old} +{new} @@", fg="cyan")
            for line in hunk:
                typer.secho(line.mark + line.text, fg=COLOURS.get(line.mark))
    counts = Counter(each.status for each in files)
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in ("new", "removed", "changed"))
    added, removed = (sum(each.count(mark) for each in files) for mark in "+-")
    typer.echo(f"\n{before.name} → {after.name}: {kinds} files; +{added} -{removed} lines")


@app.command()
def docs(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the site is served.")] = 8000,
) -> None:
    """Serve the course's site until Ctrl-C. An edit of a page or of a step builds it anew."""
    from course import serve

    require_free(port, "docs")
    # Material for MkDocs announces at every start that it will end in 2027.
    environment = {"NO_MKDOCS_2_WARNING": "1", **os.environ}
    command = [sys.executable, "-m", "mkdocs", "serve", "--dev-addr", f"127.0.0.1:{port}"]
    with until_stopped():
        server = subprocess.Popen(command, cwd=ROOT, env=environment, **serve.OWN_GROUP)
        while not serve.port_taken(port) and server.poll() is None:
            time.sleep(0.1)
        if server.poll() is None:
            announce(f"The site: http://localhost:{port}/")
        stay(server, "server of the site")


@app.command()
def record(
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is not out of date.")
    ] = False,
) -> None:
    """Make anew what the course shows of itself: diagrams, recordings, the last run's figures."""
    from course import install
    from course import record as recorder

    with until_stopped():
        try:
            install.prepare()
            recorder.main(everything)
        except (install.InstallError, ValueError) as error:
            refuse(str(error))


def folder(side: str) -> Path:
    """Return the folder that a step's number or a path means; leave if there is none."""
    if side.isdecimal():
        return chosen(side).folder
    if not Path(side).is_dir():
        refuse(f"There is no folder {side} here. Type a step's number or the path of a folder.", 2)
    if not (Path(side) / "manage.py").is_file():
        refuse(f"The folder {side} is no Django project: it has no manage.py.", 2)
    return Path(side).resolve()


if __name__ == "__main__":
    main()
