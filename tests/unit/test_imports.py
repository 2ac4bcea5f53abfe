"""Who may import whom (docs/architecture.md): the rooms' directions, held against the code itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"handlers", "trainer", "streaming", "model_store", "deploy", "tests", "benchmarks"}
ALLOWED = {
    "handlers": set(),
    "streaming": set(),
    "model_store": {"handlers"},
    "trainer": {"handlers", "streaming", "model_store"},
    "deploy": {"handlers", "streaming", "model_store", "trainer"},
}


def rooms_imported(source: str) -> set[str]:
    """The rooms that a module's import statements name, wherever in the file they stand."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found & ROOMS


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files, f"no code in {room}"
    wrong = {
        f"{path.relative_to(ROOT)} imports {other}"
        for path in files
        for other in rooms_imported(path.read_text()) - ALLOWED[room] - {room}
    }
    assert not wrong


def test_the_check_sees_a_forbidden_import() -> None:
    assert rooms_imported("def f():\n    from deploy.stack import kafka\n") == {"deploy"}
