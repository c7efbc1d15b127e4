"""What `learn.py` does: its commands. They are thin; serve, compare and install do the work."""

import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from course.chapters import CHAPTERS, ROOT, Chapter, chapter

LEARN = "py learn.py" if sys.platform == "win32" else "python3 learn.py"
PYTEST = ("-n", "3", "--dist", "loadgroup", "--durations", "10")
COLOURS = {"+": "green", "-": "red", "@": "cyan"}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
Step = Annotated[str, typer.Argument(metavar="STEP", help="The number of a step, such as 3.")]


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
        ("--help", "all commands"),
    ):
        typer.echo(f"  {typer.style(f'{LEARN} {command:8}', fg='green')}  {what}")


@app.command()
def run(
    step: Step,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Instead of 800STEP.")] = None,
) -> None:
    """Serve a step until Ctrl-C (exit status 0). An edit of its code reloads it."""
    from course import serve

    chapter = chosen(step)
    port = port or chapter.port
    if serve.port_taken(port):
        other = f"{LEARN} run {chapter.number} --port {serve.free_port()}"
        refuse(f"Port {port} is taken by another program. Stop that, or type: {other}")
    for name in {"SIGTERM", "SIGHUP", "SIGBREAK"} & set(dir(signal)):
        signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    try:
        redis_url, layer = channel_layer() if "redis" in chapter.services else (None, "")
        server = serve.Server(chapter.folder, port, {"REDIS_URL": redis_url} if layer else {})
        server.start(patience=math.inf)  # an error in the code: one may mend it, and it reloads
        typer.echo(layer, nl=bool(layer))
        typer.secho(f"Step {chapter.number} is at {server.url}/chat/", fg="green", bold=True)
        typer.echo("Ctrl-C stops it.")
        while (status := server.process.poll()) is None:
            time.sleep(0.1)
        refuse(f"The server of step {chapter.number} has ended: exit status {status}.", status % 256)
    except KeyboardInterrupt:
        typer.echo("\nStopped.")
    except serve.ServeError as error:
        refuse(str(error))
    finally:
        for name in {"SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"} & set(dir(signal)):
            signal.signal(getattr(signal, name), signal.SIG_IGN)  # nothing interrupts this
        serve.stop_children()
