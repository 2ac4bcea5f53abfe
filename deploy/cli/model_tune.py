"""``marquee model tune``: how a package is best served on this machine."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from deploy.cli.output import AS_JSON, bars, err, out, print_json, table
from deploy.cli.settings import load_settings
from deploy.cli.stopping import INTERRUPTED
from deploy.packages import package_errors, trust
from handlers.tuning import Tuned, load_tuned, save_tuned
from model_store import find


@click.command("tune")
@click.argument("reference")
@click.option("--again", is_flag=True, help="measure anew what was measured before")
@click.option(
    "--clients", type=click.IntRange(1, 256), default=32, show_default=True, help="that ask at once"
)
@click.option("--items", type=click.IntRange(1, 64), default=1, show_default=True, help="in a request")
@click.option(
    "--seconds", type=click.FloatRange(0.2, 60), default=3.0, show_default=True, help="of load a setting"
)
@click.option(
    "--cores", type=click.IntRange(1, 256), help="to share out to workers and threads; default: all"
)
@AS_JSON
def tune_(
    reference: str, again: bool, clients: int, items: int, seconds: float, cores: int | None, as_json: bool
) -> None:
    """Measure workers, threads, batch size and batch delay for REFERENCE, and keep the best.

    It is served by a TorchServe of its own meanwhile; let the machine rest otherwise. What is found is kept
    beside the package, for this kind of machine, and used whenever the stack registers the package from then
    on. Measured once: later calls say what is kept. Ctrl-C leaves what was kept before. Engines are timed
    first; the order in which workers try them goes by that at once.

    \b
    Example:
      marquee model tune item-encoder@1
    """
    settings = load_settings()
    with package_errors(), bars(as_json) as progress:
        package = find(reference, settings.models, trust(settings))
        tuned = None if again else load_tuned(package.path)
        measured = tuned is None
        if tuned is None:
            # what measures is not needed to say what is kept
            from deploy.tuning import tune

            try:
                tuned = tune(
                    package,
                    settings,
                    clients=clients,
                    items=items,
                    seconds=seconds,
                    cores=cores,
                    told=lambda done, count: progress.update("settings", done, count),
                )
            except KeyboardInterrupt:
                err().print("stopped; nothing of it is kept, and what was kept before still holds")
                raise SystemExit(INTERRUPTED) from None
            save_tuned(package.path, tuned)
    if as_json:
        print_json({"measured": measured, **msgspec.to_builtins(tuned)})
        return
    columns = ["workers", "threads", "batch", "delay, ms", "items/s", "p99, ms", "alone, ms", "remark"]
    title = f"{tuned.package} by {tuned.engine}, {tuned.clients} clients, {tuned.at}"
    out().print(table(title, columns, _rows(tuned), right=range(7)))
    if not measured:
        out().print("measured before; --again measures anew")


def _rows(tuned: Tuned) -> list[list[Any]]:
    return [
        [
            *(trial.serving.workers, trial.serving.threads, trial.serving.batch, trial.serving.delay_ms),
            *(round(trial.per_s, 1), round(trial.p99_ms, 1), round(trial.alone_ms, 1)),
            "best" if trial.serving == tuned.best else "",
        ]
        for trial in tuned.trials
    ]
