"""Text files that are there whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path


def write_text(path: Path, content: str) -> None:
    """Puts ``content`` at ``path`` in one move; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as aside:
        aside.write(content)
    Path(aside.name).chmod(0o644)
    Path(aside.name).replace(path)
