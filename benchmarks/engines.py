"""Claim: at batch 16 the CPU engine that serves is 3.5 x as fast as eager fp32 with AVX-512 VNNI, else 1.8 x.

Each engine of the item encoder within its parity limits, all by turns in one run, one thread. The engine that
serves is chosen by an earlier run. The batch is 16 of the films that come with Marquee, evenly from the
oldest to the newest, without posters as they are; the same of these films with posters, of 16 that fill their
rows, and of the recorded probe, half of which is padding, is told beside it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from benchmarks.report import Goal, publish
from handlers.engines import load_probe
from handlers.engines.machine import cpu_flags, cpu_name
from handlers.engines.parity import PROBE_FILE
from model_store import ModelStoreError, Package, build
from model_store.compile import quantise_package
from model_store.engines import EAGER, EngineRow, order_engines, try_engines
from model_store.films import some_films
from model_store.native import compile_package
from model_store.plans import plan_of
from model_store.timed import BATCH, Inputs, batch_of, timed_inputs
from trainer.data import poster_frames

PACKAGE = os.environ.get("MARQUEE_BENCH_PACKAGE", "item-encoder")
WITH_VNNI, WITHOUT = 3.5, 1.8
FILMS = 2_000
"""To draw from."""
UNTOLD = ("more_ms", "shortest_16_ms")
POSTERS, FULL, PROBE = "posters_16_ms", "full_16_ms", "probe_16_ms"
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
        films, batches = timed_inputs(package), others(package)
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
            "words": {
                called: int(inputs["attention_mask"].sum())
                for called, inputs in {"batch_16_ms": films, **batches}.items()
            },
        },
        [told(row, eager) for row in rows],
        [
            Goal(f"{taken.engine} over eager, batch 16", taken.ratio_to_eager or 0.0, wanted),
            Goal("the same, with posters", eager.more_ms[POSTERS] / taken.more_ms[POSTERS], wanted),
            Goal("the same, the probe", eager.more_ms[PROBE] / taken.more_ms[PROBE], wanted),
        ],
    )


def others(package: Package) -> dict[str, Inputs]:
    """The timed films with posters, 16 films whose words fill their rows, and the probe, repeated."""
    read, known = plan_of(package.path).read, some_films(FILMS)
    words = read(package.path, known)["attention_mask"].sum(1)
    longest = np.flatnonzero(words == words.max())[:BATCH]
    probe = load_probe(package.path / PROBE_FILE)
    posters = cycle(path.read_bytes() for path in poster_frames())
    seen = [
        msgspec.structs.replace(film, poster=poster)
        for film, poster in zip(some_films(BATCH), posters, strict=False)
    ]
    return {
        POSTERS: dict(read(package.path, seen)),
        FULL: dict(read(package.path, [known[i] for i in longest])),
        PROBE: batch_of(probe.inputs, BATCH),
    }


def told(row: EngineRow, eager: EngineRow) -> dict[str, Any]:
    """A line of the table: one's own times and how often eager's those are."""
    line = {name: value for name, value in msgspec.to_builtins(row).items() if name not in UNTOLD}
    reason = line.pop("reason")
    for called in (POSTERS, FULL, PROBE):
        own = row.more_ms.get(called)
        line[called] = own
        line[called.replace("_ms", "_ratio")] = None if own is None else eager.more_ms[called] / own
    return {**line, "reason": reason}


if __name__ == "__main__":
    main()
