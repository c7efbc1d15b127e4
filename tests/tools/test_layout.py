"""The tooling is laid out as CONTRIBUTING.md draws it: nothing imports upward, or in a circle."""

import ast
import re
from graphlib import TopologicalSorter

from course.chapters import ROOT

ROOMS = ("top", "run", "judge", "record", "book", "cli")  # each may import those before it, only


def imports() -> dict[str, set[str]]:
    """Return the modules of the course that each of its modules imports, also inside functions."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / "course").rglob("*.py")
    }
    found: dict[str, set[str]] = {}
    for name, path in files.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                whole = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= {each if each in files else node.module for each in whole}
        found[name] = names & files.keys() - {name}
    return found


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "top"


def test_no_room_imports_one_above_it() -> None:
    for module, names in imports().items():
        for name in names:
            assert ROOMS.index(room(name)) <= ROOMS.index(room(module)), f"{module} imports {name}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    tuple(TopologicalSorter(imports()).static_order())  # raises CycleError, with the circle


def test_contributing_draws_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    drawn = re.findall(r"^ +(\w+)/ ", text, re.MULTILINE)
    there = [path.name for path in (ROOT / "course").iterdir() if (path / "__init__.py").is_file()]
    assert set(drawn) >= set(there)
