"""``marquee model compile``: engines made for this machine, beside the packages."""

from __future__ import annotations

import click

from deploy.cli.output import AS_JSON, bars, out, print_json
from deploy.cli.settings import load_settings
from deploy.packages import package_errors, trust
from handlers.engines.aot_inductor import Precision
from model_store import find

PRECISIONS: dict[str, Precision] = {"mixed": "mixed", "bf16": "bf16", "aotinductor": "float32"}


@click.command("compile")
@click.argument("reference")
@click.option(
    "--engine",
    "engines",
    type=click.Choice(["native", "int8", "bf16", "mixed", "aotinductor", "fp16"]),
    multiple=True,
    help="which; native is bf16 where that is measured to be faster, else aotinductor"
    "  [default: native and int8]",
)
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="compiled in; workers use 1")
@AS_JSON
def compile_(reference: str, engines: tuple[str, ...], threads: int, as_json: bool) -> None:
    """Make engines of REFERENCE for this machine: int8, native code (AOTInductor), float16 for GPUs.

    They lie beside the packages, not in them, and are never loaded on another kind of machine; workers take
    the first that proves itself. At the end all engines are timed by turns, and workers here try them in the
    order that this gives. What int8 or fp16 would take outside the parity limits stays in float32,
    found by measuring; where nothing is left, exit code 1.
    bf16 and mixed are native code too: text model and ViT in bfloat16; or the text model in int8 as far as
    the limits allow and the rest in bfloat16. Native code needs a C++ compiler and some minutes.

    \b
    Example:
      marquee model compile item-encoder@1
    """
    from model_store.compile import halve_package, quantise_package
    from model_store.engines import order_engines
    from model_store.native import compile_package, fastest_precision

    settings = load_settings()
    made: dict[str, str] = {}
    with package_errors(), bars(as_json) as progress:
        package = find(reference, settings.models, trust(settings))
        wanted = list(engines or ("native", "int8"))
        if "native" in wanted:
            native = "bf16" if fastest_precision(package, threads) == "bf16" else "aotinductor"
            wanted = [native if one == "native" else one for one in wanted]
        for engine in dict.fromkeys(wanted):
            progress.step(f"{package.manifest.reference}: {engine}")
            if engine in ("int8", "fp16"):
                made[engine] = str(quantise_package(package) if engine == "int8" else halve_package(package))
            else:
                made[engine] = str(compile_package(package, threads, PRECISIONS[engine]))
        progress.step(f"{package.manifest.reference}: timing all engines")
        taken = next((row for row in order_engines(package, threads) if row.taken), None)
    serves = None if taken is None else taken.engine
    if as_json:
        print_json({"package": package.manifest.reference, "threads": threads, **made, "serves": serves})
        return
    for engine, place in made.items():
        out().print(f"{engine}: {place}")
    if taken is not None:
        ratio = "" if taken.ratio_to_eager is None else f", {taken.ratio_to_eager:.2f} times as fast as eager"
        out().print(f"workers here will take {serves}{ratio} (batches of 16)")
