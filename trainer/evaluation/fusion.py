"""The fusion encoder on films without ratings, ranked among themselves: a row of docs/results.md.

What is scored is what a package would answer: the same features, search, base and correction as
``marquee train space --poster-model``, each fold's chosen and learnt from its training ratings alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from handlers.config import EncoderConfig
from handlers.features import side_features
from trainer.data import Ratings, all_ratings, load_items
from trainer.data.layouts import Layout
from trainer.data.plots import with_plots
from trainer.data.shipped import frozen_folder, rows_folder
from trainer.data.splits import cold_items
from trainer.evaluation.cold import NEUTRAL_WEIGHT
from trainer.evaluation.parts import kept, key_of
from trainer.evaluation.ranking import Float64, profiles, rank
from trainer.evaluation.served import matrices
from trainer.evaluation.statistics import paired
from trainer.fusion.command import RANDOM, find_vit, with_posters
from trainer.fusion.fit import Choice, Task, base_says, choose, corrections, lesson_of, new_fusion
from trainer.fusion.frozen import Frozen
from trainer.fusion.options import FusionOptions
from trainer.fusion.search import GRID
from trainer.fusion.space import frozen_films, fusion_config
from trainer.fusion.train import train_correction
from trainer.space.choice import RELEVANT, fit_content
from trainer.space.choice import Choice as SpaceChoice
from trainer.space.cuts import COLD_CUTS, cold_cuts
from trainer.space.embed import text_model
from trainer.space.matrix import Interactions
from trainer.space.options import SpaceOptions
from trainer.space.train import FUSION_BUCKETS, encode_items, feature_config
from trainer.space.tuning import Say, choose_targets

DIM, MAX_TOKENS, RIDGE_PENALTY = 256, 64, 100.0
POSTER_MODEL = "poster-encoder@2"
REVISION = 5
"""Raised when what a fold computes changes: kept folds are then made anew."""
TARGETS_REVISION = 1
"""Raised when :func:`trainer.space.tuning.choose_targets` changes."""


@dataclass(frozen=True)
class Known:
    """ML-100K's films as the frozen encoders see them."""

    item_ids: tuple[str, ...]
    films: Frozen
    config: EncoderConfig
    ridge: Float64
    """[films, f]: what the linear encoder sees."""
    entries: Float64
    """[films, s]: genres, year and people of it."""


def ml_100k_known(data: Path, poster_model: str) -> tuple[Ratings, Known]:
    """All ratings of ML-100K, and its films with plots and people of OMDb and their posters."""
    folder = data / "ml-100k"
    items = list(load_items(folder))
    films = encode_items(with_plots(items, data, Layout.ML_100K))
    films = with_posters(films, data, Layout.ML_100K)
    model, vit = find_vit(poster_model)
    text = text_model(MAX_TOKENS)
    config = EncoderConfig(
        name="evaluated",
        version="1",
        dim=DIM,
        id_namespace="ml100k",
        text_model=text.model,
        features=feature_config(films, FUSION_BUCKETS),
    )
    config = fusion_config(config, model, FusionOptions())
    frozen = frozen_films(films, config, text, vit, frozen_folder(), lambda *_: None)
    entries = side_features(films, feature_config(films)).astype(np.float64)
    ridge = np.hstack([frozen.text_vectors().astype(np.float64), entries])
    ids = tuple(item.item_id for item in items)
    return all_ratings(folder / "u.data"), Known(ids, frozen, config, ridge, entries)


def altered(films: Frozen, seed: int) -> Iterator[tuple[str, Frozen]]:
    """``films`` with other films' texts or posters, with noise in their place, and without them."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(films))
    yield "text_shuffled", replace(films.take(order), side=films.side, poster_rows=films.poster_rows)
    noise = rng.standard_normal(films.words.shape).astype(np.float16)
    yield "text_random", replace(films, words=noise)
    there = np.flatnonzero(films.poster_rows >= 0)
    rows = films.poster_rows.copy()
    rows[there] = rng.permutation(rows[there])
    yield "poster_shuffled", replace(films, poster_rows=rows)
    noise = rng.standard_normal(films.patches.shape).astype(np.float16)
    yield "poster_random", replace(films, patches=noise)
    yield "without_poster", replace(films, poster_rows=np.full_like(films.poster_rows, -1))


def _vectors(task: Task, train: Interactions, choice: Choice, gains: tuple[float, ...]) -> list[Float64]:
    """Content vectors [items, dim] of all films at each gain, learnt from ``train``."""
    if not any(gains):
        # nothing is to be learnt from films held out of the base
        task = replace(task, options=replace(task.options, folds=1))
    lesson, base, _ = lesson_of(task, train, choice.shape)
    said = base_says(task, base, choice.shape.kernel, lesson.films, task.films)
    if not any(gains):
        return [said for _ in gains]
    fusion = new_fusion(task)
    with tempfile.TemporaryDirectory() as work:
        train_correction(fusion, lesson, task.options, Path(work), choice.epochs, lambda *_: None)
    added = corrections(fusion, task.films)
    return [said + gain * added for gain in gains]


def fusion_row(data: Path, say: Say) -> dict[str, Any]:
    """With the poster model that the row was last measured with."""
    return ml_100k_cold_fusion(data, say, POSTER_MODEL)


def ml_100k_cold_fusion(
    data: Path, say: Say, poster_model: str = RANDOM, alter: bool = True
) -> dict[str, Any]:
    """Five item folds: only films without any rating are ranked; content real, shuffled, random, left out.

    Finished folds are kept in the cache: a run that was killed goes on with the next.
    """
    ratings, known = ml_100k_known(data, poster_model)
    scores: dict[str, list[Float64]] = {}
    choices = []
    films = known.films
    made_of = (films.words, films.starts, films.patches, films.poster_rows, films.side, known.entries)
    asked = (REVISION, known.config, FusionOptions(), GRID, COLD_CUTS, poster_model, alter)
    for number, fold in enumerate(cold_items(ratings, 5, seed=0)):
        train, test = matrices(fold.train, fold.test, known.item_ids)
        cold = np.isin(np.array(known.item_ids), sorted(fold.cold_items))
        key = key_of(number, *asked, *made_of, train.users, train.items, train.values)
        part = kept(rows_folder(), key, lambda: _fold(known, train, test, cold, number, alter))  # noqa: B023
        choices.append(part["chosen"])
        for name, one in part["scores"].items():
            scores.setdefault(name, []).append(np.array(one))
        say(f"fold {number + 1}: {[(name, round(float(p[-1].mean()), 4)) for name, p in scores.items()]}")
    pooled = {name: np.concatenate(parts) for name, parts in scores.items()}
    against = {name: paired(pooled["all"], one) for name, one in pooled.items() if name != "all"}
    folds = {name: [round(float(one.mean()), 5) for one in parts] for name, parts in scores.items()}
    return {
        "poster_model": poster_model,
        "ndcg@10": {name: round(float(np.mean(means)), 5) for name, means in folds.items()},
        "folds": folds,
        "all_against": {n: {"difference": asdict(p.difference), "p": p.p_t} for n, p in against.items()},
        "chosen": choices,
    }


def _fold(
    known: Known,
    train: Interactions,
    test: Interactions,
    cold: npt.NDArray[np.bool_],
    number: int,
    alter: bool,
) -> dict[str, Any]:
    space = SpaceOptions(dim=DIM, neutral_weight=NEUTRAL_WEIGHT, like_threshold=RELEVANT, seed=number)
    # hangs on neither texts nor posters: another poster model finds it made
    key = key_of("targets", TARGETS_REVISION, space, known.entries, train.users, train.items, train.values)
    chosen_targets = kept(rows_folder(), key, lambda: asdict(choose_targets(train, known.entries, space)))
    targets_of = SpaceChoice(**chosen_targets)
    options = FusionOptions(seed=number)
    task = Task(known.films, train, known.config, targets_of, known.entries, options)
    with tempfile.TemporaryDirectory() as work:
        choice = choose(task, cold_cuts(train, number), Path(work), lambda *_: None)
    targets = task.targets(train)
    users = profiles(train.liked(RELEVANT), targets)

    def ndcg(vectors: Float64) -> Float64:
        return rank(users, vectors, train.rated(), test.liked(RELEVANT), candidates=cold).ndcg

    fusion, base = _vectors(task, train, choice, (choice.gain, 0.0))
    ridge = fit_content(known.ridge, targets, train.counts(), RIDGE_PENALTY)
    found = {
        "all": ndcg(fusion),
        "base": ndcg(base),
        "ridge": ndcg(ridge),
    }
    if alter:
        for name, films in altered(known.films, number):
            other = replace(task, films=films)
            found[name] = ndcg(_vectors(other, train, choice, (choice.gain,))[0])
    chosen = {**asdict(targets_of), **msgspec.to_builtins(choice)}
    return {"chosen": chosen, "scores": {name: one.tolist() for name, one in found.items()}}
