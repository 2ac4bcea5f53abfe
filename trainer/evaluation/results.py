"""One JSON a finished row, skipped while the hash of its inputs stands; the page made from them."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from model_store.exceptions import PackageNotFoundError
from model_store.store import find_source
from trainer.evaluation.rows import ROWS, Row
from trainer.evaluation.statistics import over_folds

__all__ = ["ROWS", "data_folder", "input_hash", "is_done", "page", "run_rows"]

Say = Callable[[str], None]
KINDS_OF_FEW = ("content", "ratings", "served")
PAGE_NOTE = """# Results

Every figure is made by `marquee evaluate all` (`--only NAME` for one row) from the data that `MARQUEE_DATA`
names, and written to `results/NAME.json` with the hash of what it was made from. Full ranking, seen films
excluded, liked means 4 or more; everything was chosen on validation parts of the training ratings, but for
two numbers of which [evaluate.md](evaluate.md#pictures) tells. Intervals are 95%.
"""


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


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as aside:
        aside.write(content)
    Path(aside.name).chmod(0o644)
    Path(aside.name).replace(path)


def run_rows(out: Path, only: str, say: Say) -> None:
    """Every due row whose name begins with ``only``, then the page beside ``out``; resumable."""
    data = data_folder()
    for row in ROWS:
        if not row.name.startswith(only):
            continue
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
        _write(out / f"{row.name}.json", json.dumps(result, indent=1, sort_keys=True) + "\n")
    _write(out.parent / "results.md", page(out, data))


def page(out: Path, data: Path) -> str:
    """The page from the rows' files; of how many the code has changed since, as far as ``data`` tells."""
    found, older = {}, set()
    for row in ROWS:
        path = out / f"{row.name}.json"
        if path.is_file():
            kept = json.loads(path.read_bytes())
            found[row.name] = kept["result"]
            if input_hash(row, data) not in (None, kept["inputs"]):
                older.add(row.name)
    lines = [PAGE_NOTE, "| what | goal | figure | command |", "|---|---|---|---|"]
    for group in dict.fromkeys(row.group for row in ROWS):
        rows = [row for row in ROWS if row.group == group]
        results = [found[row.name] for row in rows if row.name in found]
        missing = len(rows) - len(results)
        figure = _figure(results) if results else "not run yet"
        if results and missing:
            figure += f" ({missing} of {len(rows)} not run yet)"
        if old := sum(row.name in older for row in rows):
            figure += f" ({old} of {len(rows)} by an earlier revision)"
        prefix = rows[0].name if len(rows) == 1 else rows[0].name.rstrip("0123456789")
        lines.append(f"| {group} | {rows[0].goal} | {figure} | `marquee evaluate all --only {prefix}` |")
    return "\n".join(lines) + "\n"


def _figure(results: list[dict[str, Any]]) -> str:
    if "search" in results[0]:
        return ". ".join(_found(name, one) for name, one in results[0]["search"].items())
    if "map" in results[0]:
        return "; ".join(f"{name} {one}" for name, one in results[0]["map"].items())
    ndcg = results[0]["ndcg@10"]
    if "plain" in ndcg:
        parts = [_over(results, kind) for kind in ("plain", "reranked")]
        for name in ("ease", "ease_all_rated", "popularity"):
            mean = float(np.mean([r["baselines"][name] for r in results]))
            parts.append(f"{name} {mean:.4f}")
        for name in ("ease", "ease_all_rated"):
            against = [_difference(results, name, kind) for kind in ("plain", "reranked")]
            parts.append(f"against {name}: " + ", ".join(against))
        return "; ".join(parts)
    if "all" in ndcg:
        parts = [f"{name} {value:.4f}" for name, value in ndcg.items()]
        folds = over_folds(np.array(results[0]["folds"]["all"]))
        against = results[0]["all_against"]
        return (
            f"all content {folds}; "
            + ", ".join(parts[1:])
            + "; p "
            + ", ".join(f"{name} {one['p']:.2g}" for name, one in against.items())
        )
    return "; ".join(
        f"{count} ratings: " + ", ".join(f"{kind} {one[kind]:.4f}" for kind in KINDS_OF_FEW)
        for count, one in sorted(ndcg.items(), key=lambda entry: int(entry[0]))
    )


def _found(name: str, one: dict[str, Any]) -> str:
    scores, against = one["ndcg@10"], one["against"]
    shown = "; ".join(f"{package} {score}" for package, score in scores.items())
    apart = f"the second above the first by {against['difference']['mean']:.4f}, p {against['p']:.2g}"
    return f"{one['queries']} {name}: {shown}; {apart}"


def _difference(results: list[dict[str, Any]], name: str, kind: str) -> str:
    differences = [r["against"][name][kind]["difference"] for r in results]
    means = np.array([one["mean"] for one in differences])
    if len(means) > 1:
        return f"{kind} {over_folds(means)}"
    return f"{kind} {means[0]:.4f} [{differences[0]['low']:.4f}, {differences[0]['high']:.4f}]"


def _over(results: list[dict[str, Any]], kind: str) -> str:
    means = np.array([r["ndcg@10"][kind] for r in results])
    if len(means) > 1:
        return f"{kind} {over_folds(means)}"
    low, high = results[0]["intervals"]["ndcg@10"][kind]
    return f"{kind} {means[0]:.4f} [{low:.4f}, {high:.4f}]"
