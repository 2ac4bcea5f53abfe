"""Whether films with ratings rank as well when their posters go or their texts are edited.

A package answers (1 - a) content + a t, a = n / (n + 1) (:mod:`trainer.space.mixing`): of a film with n
ratings another text or poster moves the vector by 1 / (n + 1) of what it moves the content by.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data.splits import random_holdout
from trainer.evaluation.fusion import DIM, POSTER_MODEL, altered, ml_100k_known
from trainer.evaluation.ranking import Float64, profiles, rank
from trainer.evaluation.served import matrices
from trainer.evaluation.statistics import paired
from trainer.fusion.fit import Choice, Task, base_says, choose, lesson_of
from trainer.fusion.options import NO_META, NO_TEXT, FusionOptions
from trainer.fusion.space import choose_fusion_mix
from trainer.space.choice import RELEVANT
from trainer.space.choice import Choice as SpaceChoice
from trainer.space.cuts import cold_cuts
from trainer.space.matrix import Interactions
from trainer.space.mixing import Mix, served
from trainer.space.options import SpaceOptions
from trainer.space.targets import Targets
from trainer.space.tuning import Say, Tuned, choose_targets

WHOLE = "whole"


def edited_scores(
    train: Interactions,
    test: Interactions,
    targets: Targets,
    collaborative: Float64,
    contents: Mapping[str, Float64],
    mix: Mix,
) -> dict[str, Float64]:
    """NDCG@10 [users] among films with ratings, by name of ``contents`` [items, dim] as they are served.

    The package was trained with the content called :data:`WHOLE`. Users' profiles are made of what films are
    served as, so an edit moves these too.
    """
    warm = train.counts() > 0
    liked, hits = train.liked(targets.like_threshold), test.liked(RELEVANT)
    whole = contents[WHOLE]
    out = {}
    for name, now in contents.items():
        answered = served(collaborative, whole, train, targets.like_threshold, mix, now)
        vectors = answered.astype(np.float64)
        out[name] = rank(profiles(liked, vectors), vectors, train.rated(), hits, candidates=warm).ndcg
    return out


def _contents(
    task: Task, train: Interactions, choice: Choice, vectors: Float64
) -> Iterator[tuple[str, Float64]]:
    """The base's content of all films as they are, and as they are edited."""
    lesson, base, _ = lesson_of(
        replace(task, options=replace(task.options, folds=1)), train, choice.shape, vectors
    )
    kernel = choice.shape.kernel
    yield WHOLE, base_says(task, base, kernel, lesson.films, task.films)
    for name, variant in (("without_text", NO_TEXT), ("without_metadata", NO_META)):
        yield name, base_says(task, base, kernel, lesson.films, task.films, variant)
    for name, films in altered(task.films, 0):
        if name in ("text_shuffled", "poster_shuffled", "without_poster"):
            yield name, base_says(task, base, kernel, lesson.films, films)


def ml_100k_warm(data: Path, say: Say) -> dict[str, Any]:
    """ML-100K, a random tenth held out: films as training knew them, and without or with others' content."""
    ratings, known = ml_100k_known(data, POSTER_MODEL)
    fold = random_holdout(ratings, 0.1, seed=0)
    train, test = matrices(fold.train, fold.test, known.item_ids)
    options = SpaceOptions(dim=DIM, like_threshold=RELEVANT)
    targets = choose_targets(train, known.entries, options, say)
    task = Task(known.films, train, known.config, targets, known.entries, FusionOptions())
    with tempfile.TemporaryDirectory() as work:
        choice = choose(task, cold_cuts(train, options.seed), Path(work), lambda *_: None)
    mix, _ = choose_fusion_mix(task, choice, options, _tuned(targets))
    vectors = task.targets(train)
    scores = edited_scores(train, test, targets, vectors, dict(_contents(task, train, choice, vectors)), mix)
    say(f"{ {name: round(float(one.mean()), 4) for name, one in scores.items()} }")
    against = {name: paired(one, scores[WHOLE]) for name, one in scores.items() if name != WHOLE}
    return {
        "ndcg@10": {name: round(float(one.mean()), 5) for name, one in scores.items()},
        "against_whole": {n: {"difference": asdict(p.difference), "p": p.p_t} for n, p in against.items()},
        "users": len(scores[WHOLE]),
        "mix": asdict(mix),
    }


def _tuned(targets: SpaceChoice) -> Tuned:
    return Tuned(targets, {"validation_ndcg@10": targets.validation})
