"""What is served and what is evaluated go by the same numbers: one routine chooses them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from tests.unit.trainer.evaluation.test_served import catalogue, world
from trainer.data.columns import Ratings
from trainer.data.folder import read_files
from trainer.data.splits import random_holdout
from trainer.evaluation.report import evaluate_served
from trainer.evaluation.served import matrices, side_content
from trainer.space import AUTO, SpaceOptions, train_space
from trainer.space.choice import Choice, space_vectors
from trainer.space.mixing import Mix, served, wanted
from trainer.space.targets import Targets
from trainer.space.tuning import tune

NUMBERS = {"regularisation": "lambda"}
"""Where a package's manifest names a number otherwise."""


def write(path: Path, part: Ratings, *more: str) -> Path:
    rows = [
        f"{u[1:]},{i[3:]},{v},{t // 1000}"
        for u, i, v, t in zip(part.user_ids, part.item_ids, part.values, part.event_time_ms, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["userId,movieId,rating,timestamp", *rows, *more, ""]))
    return path


def test_train_space_and_evaluate_choose_the_same_numbers(tmp_path: Path) -> None:
    fold = random_holdout(world(0), 0.2, 0)
    films = [f"{i.item_id[3:]},{i.title} ({i.year}),{'|'.join(i.genres)}" for i in catalogue()]
    train = write(tmp_path / "data" / "ratings.csv", fold.train)
    items = train.with_name("movies.csv")
    items.write_text("\n".join(["movieId,title,genres", *films, ""]))
    # users whom training never saw must change nothing
    test = write(tmp_path / "test.csv", fold.test, *(f"{n},{n % 60},5.0,1" for n in range(9000, 9040)))
    files = read_files(train, test, items)
    chosen = evaluate_served(files, rerank=False)["chosen"]
    trained = train_space(
        train.parent, "one", "1", SpaceOptions(like_threshold=AUTO, rerank=False, threads=1)
    )
    names = [field.name for field in fields(Targets)]
    got = {name: trained.parameters[NUMBERS.get(name, name)] for name in names}
    assert got == {name: chosen[name] for name in names}
    # not by both having kept what the search begins with
    assert (chosen["side_weight"], chosen["activity_power"], chosen["top_weight"]) != (4.0, 0.4, 1.25)
    ratings, _ = matrices(files.train, files.train, [item.item_id for item in files.items])
    vectors = Targets(**{name: chosen[name] for name in names}).vectors(
        ratings, side_content(files.items).side
    )
    # what the package answers of rated films is the mix of these very vectors with what its content says
    warm = ratings.counts() > 0
    rows = [row for row, is_warm in enumerate(warm) if is_warm]
    mix = Mix(trained.parameters["half_count"], 1.0, trained.parameters["taste_strength"])
    a = trained.table.weights[:, None]
    content = (trained.vectors[rows] - a * trained.table.vectors.astype(np.float32)) / (1 - a)
    said = np.zeros_like(vectors)
    said[rows] = content
    want = wanted(vectors, said, ratings, trained.parameters["like_threshold"], mix)
    assert np.allclose(trained.vectors[rows], want[rows], atol=2e-3 * np.abs(want).max())


def test_only_users_with_ratings_are_drawn() -> None:
    fold = random_holdout(world(1), 0.2, 0)
    ids = [item.item_id for item in catalogue()]
    alone, _ = matrices(fold.train, fold.train, ids)
    strangers = Ratings(
        np.array([f"a{n}" for n in range(500)], dtype=object),
        np.array(["ml:1"] * 500, dtype=object),
        np.full(500, 5.0),
        np.zeros(500, dtype=np.int64),
    )
    among, _ = matrices(fold.train, strangers, ids)
    assert len(among.user_ids) == len(alone.user_ids) + 500
    options = SpaceOptions(dim=8)
    assert tune(among, None, options) == tune(alone, None, options)


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_content_counts_its_scale(scale: float) -> None:
    fold = random_holdout(world(), 0.2, 0)
    items = catalogue()
    ratings, _ = matrices(fold.train, fold.test, [item.item_id for item in items])
    features = side_content(items)
    choice = Choice(dim=8, regularisation=30.0, half_count=40.0, penalty=1.0, content_scale=scale)
    plain = Choice(dim=8, regularisation=30.0, half_count=40.0, penalty=1.0)
    none = served(choice.vectors(ratings, features.side), np.zeros((len(items), 8)), ratings, 4.0, choice.mix)
    said = space_vectors(ratings, features, choice) - none
    assert np.allclose(said, scale * (space_vectors(ratings, features, plain) - none), atol=2e-4)
    # far more than half precision leaves open
    assert np.abs(said).max() > 2e-3
