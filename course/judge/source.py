"""What the code of a project shows without running it."""

import ast
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

CALLED = ("connect", "receive", "receive_json", "disconnect")  # by Channels, on a consumer
ALIKE = 0.8  # how much a wrong name is like the right one


def code(folder: Path) -> str:
    """Return the Python code of a project, without its tests and migrations."""
    return "\n".join(text for _, text in _files(folder))


def misspelled(folder: Path) -> Iterator[str]:
    """Yield a sentence for each method of a consumer with almost the name of one that Channels
    calls, where the consumer does not have that one."""
    for path, text in _files(folder):
        classes = (each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.ClassDef))
        for consumer in classes:
            if not any("Consumer" in ast.unparse(base) for base in consumer.bases):
                continue
            methods = {each.name: each.lineno for each in consumer.body if hasattr(each, "args")}
            for name, line in methods.items():
                right = [*get_close_matches(name, {*CALLED} - {*methods}, 1, ALIKE), name][0]
                if name not in CALLED and right in CALLED:
                    where = f"{path}, line {line}"
                    yield f"Channels calls {right}(), and {consumer.name} has {name}() ({where})"


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each Python file that can be read."""
    for file in sorted(folder.rglob("*.py")):
        path, text = file.relative_to(folder).as_posix(), file.read_text("utf-8", "replace")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        if "test" not in path and "/migrations/" not in path:
            yield path, text
