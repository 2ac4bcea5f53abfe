"""``marquee train``: from ratings and films to a source package."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from math import inf
from pathlib import Path

import click

from deploy.cli import train_vit
from deploy.cli.output import AS_JSON, bars
from deploy.cli.paths import GivenPath
from deploy.cli.settings import load_settings
from deploy.cli.trained import check_new, show_trained
from deploy.cli.training_options import FEW_RATINGS
from deploy.packages import package_errors

LIMITS = {"dim": (2, 2048), "penalty": (1e-9, inf), "neutral": (0, 1), "like_threshold": (0.5, 5)}
"""Least and most of numbers that may be ``auto``; the others are from 0."""


def _auto(_: click.Context, parameter: click.Parameter, value: str) -> float:
    if value == "auto":
        return -1
    least, most = LIMITS.get(str(parameter.name), (0, inf))
    try:
        number = int(value) if parameter.name == "dim" else float(value)
    except ValueError:
        number = -1
    if not least <= number <= most or number == inf:
        limits = f"a number from {least:g}" + (f" to {most:g}" if most < inf else "")
        raise click.BadParameter(f"{value!r} is neither auto nor {limits}")
    return number


@click.group()
def command() -> None:
    """Train packages.

    \b
    Examples:
      marquee train space --data shipped --version 6
      export MARQUEE_DATA=../shared/data      # where your data lie: docs/train.md
      marquee train space --poster-model poster-encoder@2 --posters "$MARQUEE_DATA" --version 6
      marquee train space --data shipped --name film-space --out packages
      marquee train vit --data "$MARQUEE_DATA" --version 3
    """


command.add_command(train_vit.vit)


@command.command()
@click.option(
    "--data",
    type=GivenPath(),
    default="shipped",
    show_default=True,
    help="folder (MovieLens, an export, or your own: ratings and items as .csv or .parquet), or: shipped",
)
@click.option(
    "--out",
    "target",
    type=GivenPath(path_type=Path, file_okay=False),
    help="folder of packages to write <name>/<version> into; default $MARQUEE_HOME/packages",
)
@click.option("--name", default="item-encoder", show_default=True)
@click.option(
    "--version", default="1", show_default=True, help="one that is not there yet: none is overwritten"
)
@click.option("--dim", callback=_auto, default="auto", show_default=True, help="of the vectors")
@click.option(
    "--lambda",
    "regularisation",
    callback=_auto,
    default="auto",
    show_default=True,
    help="shrinks directions that few ratings speak for; auto chooses on validation",
)
@click.option(
    "--neutral",
    callback=_auto,
    default="auto",
    show_default=True,
    help="what rated but not liked counts, 0 to 1",
)
@click.option(
    "--side-weight",
    callback=_auto,
    default="auto",
    show_default=True,
    help="what a film's genres, year and people count beside its ratings, where a like counts 1",
)
@click.option(
    "--top-weight",
    callback=_auto,
    default="auto",
    show_default=True,
    help="what the highest rating counts, where other likes count 1",
)
@click.option(
    "--activity-power",
    callback=_auto,
    default="auto",
    show_default=True,
    help="how far ratings of busy users count less, 0 to 1",
)
@click.option(
    "--like-threshold",
    callback=_auto,
    default="4",
    show_default=True,
    help="ratings from which a film is liked; a space's policy must say the same",
)
@click.option(
    "--half-count",
    callback=_auto,
    default="auto",
    show_default=True,
    help="ratings at which they weigh as much as content",
)
@click.option(
    "--penalty", callback=_auto, default="auto", show_default=True, help="of the regression from content"
)
@click.option(
    "--max-tokens", type=click.IntRange(8, 512), default=64, show_default=True, help="of a film's text"
)
@click.option(
    "--reranker/--no-reranker",
    "rerank",
    default=True,
    show_default=True,
    help="train a re-ranker too; the package gets it where it proves better on validation",
)
@FEW_RATINGS
@click.option(
    "--texts",
    type=GivenPath(path_type=Path, file_okay=False, exists=True),
    help="folder of plots/ and poster_map.csv: plots and people of MovieLens films that lack them",
)
@click.option(
    "--text-model",
    default="",
    help="BERT that reads films: Hugging Face id, where a hub is reachable, or folder; "
    "default all-MiniLM-L6-v2, which is installed",
)
@click.option(
    "--poster-model",
    default="",
    help="train the fusion encoder with this ViT: a poster-encoder package, its folder, or: random",
)
@click.option(
    "--image-model",
    default="",
    help="the same with a ViT from elsewhere: Hugging Face id or folder",
)
@click.option(
    "--posters",
    type=GivenPath(path_type=Path, file_okay=False, exists=True),
    help="for the fusion encoder: folder of poster_map.csv and posters/; for own data of images named by id",
)
@click.option(
    "--work",
    type=GivenPath(path_type=Path, file_okay=False),
    help="of checkpoints and logs of the fusion; what stopped there is resumed; "
    "default $MARQUEE_HOME/training/...",
)
@click.option(
    "--threads",
    type=click.IntRange(0),
    default=0,
    help="of torch; 0 is one for each core, in the fusion 1. Equal results need equal threads",
)
@click.option("--seed", default=0, show_default=True)
@AS_JSON
def space(
    data: str,
    target: Path | None,
    name: str,
    version: str,
    dim: int,
    regularisation: float,
    neutral: float,
    side_weight: float,
    top_weight: float,
    activity_power: float,
    like_threshold: float,
    half_count: float,
    penalty: float,
    max_tokens: int,
    rerank: bool,
    few_ratings: int,
    texts: Path | None,
    text_model: str,
    poster_model: str,
    image_model: str,
    posters: Path | None,
    work: Path | None,
    threads: int,
    seed: int,
    as_json: bool,
) -> None:
    """Train an item encoder and its space, and write its source package (docs/train.md says how).

    Ratings give films collaborative vectors; a regression from text, genres, year and people gives them
    to films without ratings. What is auto is chosen on validation parts of the ratings.
    With --poster-model or --image-model a fusion transformer reads text, poster and metadata instead
    (docs/train.md). Text and image models from elsewhere become part of the package.
    The same data, options and seed give the same package.

    A folder of your own is one that `data import` takes: ratings.csv (user_id, item_id, value, maybe
    event_time) and items.csv (item_id, title, ...), or both as .parquet (docs/cli.md, "Importing").
    Exit code 2: options or data are bad, the message names file and row; 4: the version exists already.

    \b
    Examples:
      marquee train space --version 6
      export MARQUEE_DATA=../shared/data      # where your data lie: docs/train.md
      marquee train space --poster-model poster-encoder@2 --posters "$MARQUEE_DATA" --version 6
      marquee train space --text-model bert-base-uncased --version 6
      marquee train space --image-model google/vit-base-patch16-224 --posters "$MARQUEE_DATA" --version 6
    """
    fusion = bool(poster_model or image_model)
    from model_store import find_source
    from trainer.data.checking import check_data

    if poster_model and image_model:
        raise click.UsageError("--poster-model and --image-model both name the ViT: leave one out")
    if (posters or work) and not fusion:
        raise click.UsageError(
            "--posters and --work belong to the fusion encoder: add --poster-model or --image-model"
        )
    settings = load_settings()
    home = settings.home.absolute()
    root = target or home / "packages"
    with package_errors(), bars(as_json) as progress:
        # what is wrong with the words or the data is told at once: torch alone takes seconds to load
        check_new(settings, root, name, version)
        if poster_model not in ("", "random"):
            find_source(poster_model)
        progress.update("checking the data", 0, 1)
        check_data(data)
        progress.update("checking the data", 1, 1)
    from trainer.space import SpaceOptions, train_space, write_package

    options = SpaceOptions(
        dim=dim,
        regularisation=regularisation,
        neutral_weight=neutral,
        side_weight=side_weight,
        top_weight=top_weight,
        activity_power=activity_power,
        like_threshold=like_threshold,
        half_count=half_count,
        penalty=penalty,
        max_tokens=max_tokens,
        rerank=rerank,
        few_ratings=few_ratings,
        architecture="fusion" if fusion else "linear",
        texts=str(texts or ""),
        text_model=text_model,
        poster_model=poster_model,
        image_model=image_model,
        posters=str(posters or ""),
        work=str(work or ""),
        threads=threads,
        seed=seed,
    )
    if fusion and work is None:
        # the same command finds its own checkpoints, one with other options none
        asked = hashlib.sha256(repr((data, options)).encode()).hexdigest()[:8]
        options = replace(options, work=str(home / "training" / f"{name}-{version}-{asked}"))
    started = time.monotonic()
    with package_errors(), bars(as_json) as progress:
        package = write_package(train_space(data, name, version, options, progress.update), root)
    what_next = f"; `marquee model build {package.path}` makes it ready to serve"
    show_trained(package, time.monotonic() - started, as_json, what_next)
