"""Claim: at batch 16 the CPU engine that serves is 3.5 x as fast as eager fp32 with AVX-512 VNNI, else 1.8 x.

Each engine of the item encoder within its parity limits, all by turns in one run, one thread.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks.report import Goal, publish
from handlers.engines.machine import cpu_flags, cpu_name
from model_store import ModelStoreError, Package, build
from model_store.compile import quantise_package
from model_store.engines import try_engines
from model_store.native import compile_package

PACKAGE = os.environ.get("MARQUEE_BENCH_PACKAGE", "item-encoder")
WITH_VNNI, WITHOUT = 3.5, 1.8
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
        rows = try_engines(package)
    wanted = WITH_VNNI if "avx512_vnni" in flags else WITHOUT
    taken = next(row for row in rows if row.taken)
    publish(
        "engines",
        {"package": package.manifest.reference, "digest": package.manifest.digest, "flags": flags},
        [msgspec.to_builtins(row) for row in rows],
        [Goal(f"{taken.engine} over eager, batch 16", taken.ratio_to_eager or 0.0, wanted)],
    )


if __name__ == "__main__":
    main()
