"""One JSON a finished row, skipped while the hash of its inputs stands; the page made from them."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_store.exceptions import PackageNotFoundError
from model_store.store import find_source
from trainer.evaluation.page import Group, groups_of, page
from trainer.evaluation.results_picture import draw_results
from trainer.evaluation.rows import ROWS, Row
from trainer.evaluation.writing import write_text

__all__ = ["ROWS", "data_folder", "input_hash", "is_done", "run_rows", "selected"]

Say = Callable[[str], None]
PICTURE = "results.png"
"""In the folder of pictures beside the rows' folder, as docs has it."""


def data_folder() -> Path:
    """``MARQUEE_DATA``, by default ``../shared/data``."""
    return Path(os.environ.get("MARQUEE_DATA", "../shared/data"))


def input_hash(row: Row, data: Path) -> str | None:
    """SHA-256 of the row's name, revision, files and packages; ``None`` where one is missing."""
    digest = hashlib.sha256(f"{row.name}\0{row.revision}".encode())
    for name in row.inputs:
        path = data / name
        if not path.is_file():
            return None
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    for reference in row.packages:
        try:
            digest.update(find_source(reference).manifest.digest.encode())
        except PackageNotFoundError:
            return None
    return digest.hexdigest()


def is_done(row: Row, data: Path, out: Path) -> bool:
    """Whether the row's JSON is there and made from these very inputs."""
    try:
        found = json.loads((out / f"{row.name}.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("inputs") == input_hash(row, data)


def selected(only: str) -> list[Row]:
    """The row of that very name, else all whose names begin so."""
    exact = [row for row in ROWS if row.name == only]
    return exact or [row for row in ROWS if row.name.startswith(only)]


def run_rows(out: Path, only: str, say: Say) -> list[Group]:
    """Every due row of :func:`selected`, then page and picture of all rows beside ``out``; resumable.

    Returns the groups of the page that the selected rows are in.
    """
    data = data_folder()
    asked = selected(only)
    for row in asked:
        inputs = input_hash(row, data)
        if inputs is None:
            needed = ", ".join(row.inputs + row.packages)
            say(f"{row.name}: skipped, {data} or the shipped packages lack one of {needed}")
            continue
        if is_done(row, data, out):
            say(f"{row.name}: done before")
            continue
        say(f"{row.name}: {row.goal}")
        started = time.monotonic()
        result = {
            "row": row.name,
            "goal": row.goal,
            "command": f"marquee evaluate all --only {row.name}",
            "inputs": inputs,
            "result": row.compute(data, say),
            "seconds": round(time.monotonic() - started, 1),
        }
        write_text(out / f"{row.name}.json", json.dumps(result, indent=1, sort_keys=True) + "\n")
    groups = groups_of(ROWS, *_finished(out, data))
    write_text(out.parent / "results.md", page(groups))
    draw_results(groups, out.parent / "pictures" / PICTURE)
    names = {row.group for row in asked}
    return [group for group in groups if group.what in names]


def _finished(out: Path, data: Path) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """(results by row, rows of which code or data have changed since, as far as ``data`` tells)."""
    found, older = {}, set()
    for row in ROWS:
        path = out / f"{row.name}.json"
        if path.is_file():
            kept = json.loads(path.read_bytes())
            found[row.name] = kept["result"]
            if input_hash(row, data) not in (None, kept["inputs"]):
                older.add(row.name)
    return found, older
