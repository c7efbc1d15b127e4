"""What the files of a project show without running it."""

import ast
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

KINDS = {".py", ".html", ".js", ".ini", ".toml"}
CALLED = ("connect", "receive", "receive_json", "disconnect")  # by Channels, on a consumer
ALIKE = 0.8  # how much a wrong name is like the right one


def code(folder: Path) -> str:
    """Return the code of a project, its templates and scripts included, without its tests."""
    return "\n".join(text for _, text in _files(folder))


def misspelled(folder: Path) -> Iterator[str]:
    """Yield a sentence for each method of a consumer with almost the name of one that Channels
    calls, where the consumer does not have that one."""
    for path, text in _files(folder):
        for consumer in _classes(text) if path.endswith(".py") else ():
            if not any("Consumer" in ast.unparse(base) for base in consumer.bases):
                continue
            methods = {each.name: each.lineno for each in consumer.body if hasattr(each, "args")}
            for name, line in methods.items():
                right = [*get_close_matches(name, {*CALLED} - {*methods}, 1, ALIKE), name][0]
                if name not in CALLED and right in CALLED:
                    where = f"{path}, line {line}"
                    yield f"Channels calls {right}(), and {consumer.name} has {name}() ({where})"


def _classes(text: str) -> list[ast.ClassDef]:
    with suppress(SyntaxError, ValueError):  # then the server does not start, and prints why
        return [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.ClassDef)]
    return []


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of code, without tests and migrations."""
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix()
        if file.suffix in KINDS and "test" not in path and "/migrations/" not in path:
            yield path, file.read_text("utf-8", "replace")
