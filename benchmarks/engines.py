"""Claim: at batch 16 the CPU engine that serves is 3.5 x as fast as eager fp32 with AVX-512 VNNI, else 1.8 x.

Each engine of the item encoder within its parity limits, all by turns in one run, one thread. The engine that
serves is chosen by an earlier run. The batch is the probe's films, repeated; the same of 16 films drawn from
those that come with Marquee, and of 16 that fill their rows, is told beside it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from benchmarks.report import Goal, publish
from handlers.engines.machine import cpu_flags, cpu_name
from model_store import ModelStoreError, Package, build
from model_store.compile import quantise_package
from model_store.engines import BATCH, EAGER, EngineRow, Inputs, order_engines, try_engines
from model_store.films import some_films
from model_store.native import compile_package
from model_store.plans import plan_of

PACKAGE = os.environ.get("MARQUEE_BENCH_PACKAGE", "item-encoder")
WITH_VNNI, WITHOUT = 3.5, 1.8
FILMS = 2_000
"""To draw from."""
UNTOLD = ("more_ms", "shortest_16_ms")
RANDOM, FULL = "random_16_ms", "full_16_ms"
console = Console(stderr=True)


def main() -> None:
    """Build, compile, measure."""
    flags = cpu_flags()
    console.print(f"{cpu_name()}: {', '.join(flags) or 'no flags known'}")
    with tempfile.TemporaryDirectory(prefix="marquee-bench-") as folder:
        package = build(PACKAGE, Path(folder) / "models", step=console.print)
        makes: tuple[Callable[[Package], object], ...] = (
            compile_package,
            partial(compile_package, precision="bf16"),
            partial(compile_package, precision="mixed"),
            quantise_package,
        )
        for make in makes:
            try:
                console.print(make(package))
            except ModelStoreError as error:
                console.print(f"left out: {error}")
        order_engines(package)
        batches = films(package)
        rows = try_engines(package, more=batches)
    wanted = WITH_VNNI if "avx512_vnni" in flags else WITHOUT
    taken = next(row for row in rows if row.taken)
    eager = next(row for row in rows if row.engine == EAGER)
    publish(
        "engines",
        {
            "package": package.manifest.reference,
            "digest": package.manifest.digest,
            "flags": flags,
            "words": {called: int(inputs["attention_mask"].sum()) for called, inputs in batches.items()},
        },
        [told(row, eager) for row in rows],
        [
            Goal(f"{taken.engine} over eager, batch 16", taken.ratio_to_eager or 0.0, wanted),
            Goal("the same, 16 films at random", eager.more_ms[RANDOM] / taken.more_ms[RANDOM], wanted),
        ],
    )


def films(package: Package) -> dict[str, Inputs]:
    """16 films at random, and 16 whose words fill their rows."""
    read, known = plan_of(package.path).read, some_films(FILMS)
    words = read(package.path, known)["attention_mask"].sum(1)
    drawn = np.random.default_rng(0).choice(FILMS, BATCH, replace=False)
    longest = np.flatnonzero(words == words.max())[:BATCH]
    return {
        called: dict(read(package.path, [known[i] for i in some]))
        for called, some in ((RANDOM, drawn), (FULL, longest))
    }


def told(row: EngineRow, eager: EngineRow) -> dict[str, Any]:
    """A line of the table: one's own times and how often eager's those are."""
    line = {name: value for name, value in msgspec.to_builtins(row).items() if name not in UNTOLD}
    reason = line.pop("reason")
    for called in (RANDOM, FULL):
        own = row.more_ms.get(called)
        line[called] = own
        line[called.replace("_ms", "_ratio")] = None if own is None else eager.more_ms[called] / own
    return {**line, "reason": reason}


if __name__ == "__main__":
    main()
