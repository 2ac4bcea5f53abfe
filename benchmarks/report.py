"""What every benchmark prints and writes: environment, figures, goals."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.table import Table

from deploy.cli.output import out

LIBRARIES = (
    "confluent-kafka",
    "msgspec",
    "numpy",
    "pymilvus",
    "milvus-lite",
    "torch",
    "onnxruntime",
    "torchserve",
)
VECTOR_FLAGS = ("avx2", "avx512f", "avx512_vnni", "amx_int8")


@dataclass
class Goal:
    """One claim of the benchmark: ``value`` against ``goal`` (``at_least`` says which side is good)."""

    name: str
    value: float
    goal: float
    at_least: bool = True
    met: bool = field(init=False)

    def __post_init__(self) -> None:
        self.met = self.value >= self.goal if self.at_least else self.value <= self.goal


def environment() -> dict[str, Any]:
    """The machine and the versions that the figures belong to."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.split(":", 1)[1].strip() for line in cpuinfo.splitlines() if "model name" in line), "")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "flags": [flag for flag in VECTOR_FLAGS if f" {flag}" in cpuinfo],
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "commit": commit,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def publish(name: str, figures: dict[str, Any], rows: list[dict[str, Any]], goals: list[Goal]) -> None:
    """Print ``rows`` and ``goals`` as tables and write ``$MARQUEE_HOME/bench/<name>.json``."""
    console = out()
    table = Table(*(rows[0].keys() if rows else ()), title=name)
    for row in rows:
        table.add_row(
            *(
                f"{v:,.4g}" if isinstance(v, float) else f"{v:,}" if isinstance(v, int) else str(v)
                for v in row.values()
            )
        )
    console.print(table)
    if goals:
        judged = Table("goal", "measured", "wanted", "met", title=f"{name}: goals")
        for goal in goals:
            sign = ">=" if goal.at_least else "<="
            judged.add_row(
                goal.name, f"{goal.value:,.4g}", f"{sign} {goal.goal:,.4g}", "yes" if goal.met else "NO"
            )
        console.print(judged)
    folder = Path(os.environ.get("MARQUEE_HOME", ".marquee")) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    report = {
        "name": name,
        "environment": environment(),
        "figures": figures,
        "rows": rows,
        "goals": [asdict(goal) for goal in goals],
    }
    (folder / f"{name}.json").write_text(json.dumps(report, indent=2, default=float) + "\n")
