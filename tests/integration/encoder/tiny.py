"""A package trained and built on a few films, so that everything on the way is real and takes seconds."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from model_store import Package, build
from streaming.events import Item
from trainer.data import load_items
from trainer.space import SpaceOptions, TrainedSpace, train_space, write_package

FILMS, USERS = 40, 60
NAME, VERSION = "tiny-encoder", "1"

OPTIONS = SpaceOptions(
    dim=16,
    threads=1,
    neutral_weight=0.5,
    side_weight=0.0,
    activity_power=0.0,
    top_weight=1.0,
    half_count=0.0,
)
"""Vectors that know genres neither by themselves nor by who likes a film: people like one each, and a
re-ranker that knows them has much to gain."""

_WORDS = ("harbour", "robot", "winter", "letter", "desert", "queen", "train", "ghost", "summer", "river")
_GENRES = ("Drama", "Comedy", "Sci-Fi", "Horror")


@dataclass(frozen=True)
class Tiny:
    """What training said, the films it was trained with, and the package built of it."""

    trained: TrainedSpace
    items: list[Item]
    package: Package


def write_data(folder: Path) -> Path:
    """A folder of the ml-latest layout: users like one genre; the last two films have no ratings."""
    draw = random.Random(7)
    folder.mkdir(parents=True, exist_ok=True)
    films, genres = [], []
    for number in range(1, FILMS + 1):
        genre = draw.choice(_GENRES)
        genres.append(genre)
        title = f"{draw.choice(_WORDS)} {draw.choice(_WORDS)} {number} ({1950 + number})"
        films.append(f"{number},{title},{genre}")
    ratings = []
    for user in range(1, USERS + 1):
        taste = draw.choice(_GENRES)
        for number in draw.sample(range(1, FILMS - 1), 20):
            value = 5.0 if genres[number - 1] == taste else 2.0
            ratings.append(f"{user},{number},{value},{1_000_000_000 + user}")
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "\n".join(films) + "\n")
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(ratings) + "\n")
    return folder


@cache
def tiny_package(models: Path) -> Tiny:
    """Trained and built under ``models``, once for the run."""
    folder = models.parent / "tiny"
    data = write_data(folder / "data")
    trained = train_space(data, NAME, VERSION, OPTIONS)
    source = write_package(trained, folder / "packages")
    return Tiny(trained, list(load_items(data)), build(str(source.path), models))
