"""The checks would prove nothing if they ran the code that they check."""

from __future__ import annotations

import ast
from pathlib import Path

import deploy.checks

FORBIDDEN = ("streaming.ledger", "streaming.space")
FOLDER = Path(deploy.checks.__file__).parent


def imported(source: str) -> set[str]:
    """Full names of all modules that are imported anywhere in ``source``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def forbidden(source: str) -> set[str]:
    """Imports of the ledger or the space worker in ``source``."""
    return {
        name for name in imported(source) for room in FORBIDDEN if name == room or name.startswith(room + ".")
    }


def test_no_check_imports_what_it_checks() -> None:
    files = list(FOLDER.rglob("*.py"))
    assert len(files) > 3
    assert {path.name: found for path in files if (found := forbidden(path.read_text()))} == {}


def test_the_test_sees_such_an_import() -> None:
    assert forbidden("def f():\n    from streaming.space import profile\n")
    assert forbidden("from streaming import ledger\n")
