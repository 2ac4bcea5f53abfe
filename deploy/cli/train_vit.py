"""``marquee train vit``: from posters, genres and texts to the package of the poster model."""

from __future__ import annotations

import time
from pathlib import Path

import click

from deploy.cli.output import AS_JSON, bars
from deploy.cli.paths import GivenPath
from deploy.cli.settings import load_settings
from deploy.cli.trained import check_new, show_trained
from deploy.packages import package_errors

FOLDER = GivenPath(path_type=Path, file_okay=False)


@click.command("vit")
@click.option(
    "--data",
    type=GivenPath(path_type=Path, file_okay=False, exists=True),
    envvar="MARQUEE_DATA",
    default=Path("../shared/data"),
    show_default=True,
    help="folder with poster_map.csv, posters/, ml-latest-small/, plots/, weights/; also MARQUEE_DATA",
)
@click.option(
    "--out",
    "target",
    type=FOLDER,
    help="folder of packages to write <name>/<version> into; default $MARQUEE_HOME/packages",
)
@click.option(
    "--work",
    type=FOLDER,
    help="of checkpoints and logs; what stopped there is resumed; default $MARQUEE_HOME/training/...",
)
@click.option("--name", default="poster-encoder", show_default=True)
@click.option(
    "--version", default="1", show_default=True, help="one that is not there yet: none is overwritten"
)
@click.option("--epochs", type=click.IntRange(1, 10_000), default=30, show_default=True, help="at most")
@click.option(
    "--patience",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="epochs without a better validation figure after which training ends",
)
@click.option("--batch", type=click.IntRange(2, 8192), default=64, show_default=True)
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=1e-3, show_default=True)
@click.option("--depth", type=click.IntRange(1, 24), default=6, show_default=True, help="layers of the ViT")
@click.option("--width", type=click.IntRange(48, 1024), default=192, show_default=True, help="of its tokens")
@click.option("--limit", type=click.IntRange(0), default=0, help="posters at most, for trials; 0 is all")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(0),
    default=0,
    help="of torch; 0 is one for each core. Equal results need equal threads",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "32", "bf16"]),
    default="auto",
    show_default=True,
    help="auto is bf16 where processor or GPU multiply it natively",
)
@AS_JSON
def vit(
    data: Path,
    target: Path | None,
    work: Path | None,
    name: str,
    version: str,
    epochs: int,
    patience: int,
    batch: int,
    rate: float,
    depth: int,
    width: int,
    limit: int,
    seed: int,
    threads: int,
    precision: str,
    as_json: bool,
) -> None:
    """Train the vision transformer that reads posters, and write its source package.

    It learns from ml-latest-small's posters: what MobileNetV2 sees in them, their genres, their films'
    texts. A checkpoint is kept after each epoch; killed and typed again, the command goes on from the
    last one to the same result (on a CPU, with equal --threads). A GPU is used where there is one, and
    under torchrun as many processes as it starts (docs/train.md).

    \b
    Example:
      export MARQUEE_DATA=../shared/data      # where your data lie: docs/train.md
      marquee train vit --data "$MARQUEE_DATA" --version 3 --epochs 40

    Exit code 2: a table, poster or weight file is missing or bad; the message names file and row.
    """
    settings = load_settings()
    home = settings.home.absolute()
    root = target or home / "packages"
    with package_errors():
        check_new(settings, root, name, version)  # before torch is loaded, which takes seconds
    from handlers.vit import ViTConfig
    from streaming.cache import cache_folder
    from trainer.exceptions import TrainingError
    from trainer.vision import run_training
    from trainer.vision.options import ViTOptions

    started = time.monotonic()
    with package_errors(), bars(as_json) as progress:
        try:
            model = ViTConfig(width=width, depth=depth, heads=max(1, width // 64))
            options = ViTOptions.of(
                model=model,
                epochs=epochs,
                patience=patience,
                batch=batch,
                rate=rate,
                limit=limit,
                seed=seed,
                threads=threads,
                precision=precision,
            )
        except ValueError as error:
            raise TrainingError(str(error)) from None
        package = run_training(
            data,
            options,
            root,
            name,
            version,
            work or home / "training" / f"{name}-{version}",
            cache_folder() / "vision",
            progress.update,
        )
    if package is not None:
        show_trained(package, time.monotonic() - started, as_json)
