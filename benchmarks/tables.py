"""``python -m benchmarks.tables [FOLDER]``: the figures of all benchmarks that ran, as Markdown."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def cell(value: Any) -> str:
    """A figure as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Lines of a Markdown table; its columns are those of the first row."""
    if not rows:
        return []
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return lines + [f"| {' | '.join(cell(row.get(name, '')) for name in names)} |" for row in rows]


def goals(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of what was claimed."""
    return [
        {
            "goal": goal["name"],
            "measured": float(goal["value"]),
            "wanted": f"{'>=' if goal['at_least'] else '<='} {cell(float(goal['goal']))}",
            "met": goal["met"],
        }
        for goal in report["goals"]
    ]


def section(report: dict[str, Any]) -> list[str]:
    """One benchmark: where it ran, its table, its goals."""
    found = report["environment"]
    where = (
        f"{found['cpu'] or 'unknown processor'}, {found['cores']} cores, load {found['load_average']:.1f},"
        f" commit {found['commit'][:12]}, {found['at']}"
    )
    return [f"### {report['name']}", "", where, "", *table(report["rows"]), "", *table(goals(report)), ""]


def main() -> int:
    """Every ``*.json`` of the folder, by name."""
    home = Path(os.environ.get("MARQUEE_HOME", ".marquee"))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else home / "bench"
    files = sorted(folder.glob("*.json"))
    if not files:
        print(f"no figures in {folder}; run `make bench` first", file=sys.stderr)
        return 1
    for path in files:
        print("\n".join(section(json.loads(path.read_text()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
