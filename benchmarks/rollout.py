"""Claim: a new model fills its space nearly as fast as it can, ratings hardly notice, all move in a second.

Films: what a space worker gets through TorchServe to its topic, over the same encoder in this process. Rows:
the worker's writer over upserts alone, as in ``projector``. Freshness: from an acknowledged rating to a
changed answer, p99, during a backfill over that without. A promotion: from the beginning of its writing until
ledger, both workers and two gateways have reported it; the longest of all counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console

from benchmarks._backfill import FILMS, PACKAGE, USERS, backfill
from benchmarks._moves import MOVES, moves
from benchmarks._services import services
from benchmarks._timing import percentiles
from benchmarks.projector import USERS as ROWS
from benchmarks.projector import written
from benchmarks.report import Goal, publish

console = Console(stderr=True)


def row(what: str, count: float, value: float, most: float | None = None) -> dict[str, Any]:
    """The table's row; ``most`` is the largest of all."""
    return {"what": what, "n": int(count), "value": value, "max": value if most is None else most}


def main() -> None:
    """Move, write, fill."""
    console.print("moving everybody there and back")
    made = moves()
    with services(milvus=True) as settings:
        console.print("writing rows by the writer and by upserts alone")
        ours, raw = (float(np.median(values)) for values in written(settings))
    filled = backfill()
    engine = float(np.mean(filled.alone))
    before, meanwhile = percentiles(filled.fresh_before), percentiles(filled.fresh_meanwhile)
    seen, writing = percentiles([one.seen for one in made]), percentiles([one.written for one in made])
    publish(
        "rollout",
        {
            "package": PACKAGE,
            "films": FILMS,
            "users": USERS,
            "moves": [[one.written, one.seen] for one in made],
            "engine_films_per_s": filled.alone,
            "probes": [before["n"], meanwhile["n"]],
        },
        [
            row("films/s, engine in process", FILMS, engine, max(filled.alone)),
            row("films/s, backfill", FILMS, filled.quiet),
            row("films/s, backfill while ratings are probed", FILMS, filled.probed),
            row("rows/s, Milvus upserts alone", ROWS, raw),
            row("rows/s, written by the writer", ROWS, ours),
            row("ms, freshness without a backfill, p99", before["n"], before["p99"], before["max"]),
            row("ms, freshness during one, p99", meanwhile["n"], meanwhile["p99"], meanwhile["max"]),
            row("ms, promotion written, p50", MOVES, writing["p50"], writing["max"]),
            row("ms, promotion seen by all, p50", MOVES, seen["p50"], seen["max"]),
        ],
        [
            Goal("films/s of a backfill over the engine in process", filled.quiet / engine, 0.8),
            Goal("rows written over Milvus upserts alone", ours / raw, 0.8),
            Goal("freshness p99 during a backfill over that without", meanwhile["p99"] / before["p99"], 2.0,
                 at_least=False),
            Goal("promotion seen by every process, longest, ms", seen["max"], 1_000, at_least=False),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
