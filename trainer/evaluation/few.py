"""Films with few ratings, ranked among themselves: a row of docs/results.md."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data.splits import random_holdout, with_few_ratings
from trainer.evaluation.cold import DIM, NEUTRAL_WEIGHT, ColdChoice, case, choose_cold, ml_100k_content
from trainer.evaluation.kernel import Likeness, regress
from trainer.evaluation.ranking import Float64
from trainer.evaluation.served import matrices
from trainer.evaluation.statistics import paired
from trainer.space.choice import RELEVANT
from trainer.space.cuts import rating_cuts
from trainer.space.matrix import Interactions
from trainer.space.mixing import Mix, choose_mix, served
from trainer.space.options import HALF_COUNTS, SCALES, SpaceOptions
from trainer.space.targets import Targets
from trainer.space.tuning import Say, questions


def ml_100k_few(data: Path, say: Say) -> dict[str, Any]:
    """Films with 0, 1, 3, 10 ratings, ranked among themselves: content, ratings, and what is served.

    ``served`` is what a package would answer, its item table in half precision; content is what the kernel
    regression of :mod:`trainer.evaluation.cold` says.
    """
    ratings, content = ml_100k_content(data)
    fold = random_holdout(ratings, 0.2, seed=0)
    names = np.array(content.item_ids)
    scarce = frozenset(np.random.default_rng(0).permutation(names)[: len(names) // 5].tolist())
    others = replace(fold, cold_items=scarce)
    rich, _ = matrices(with_few_ratings(others, scarce, 0, seed=1).train, fold.test, content.item_ids)
    choice = choose_cold(rich, content, 0, say)
    alike = content.alike()
    mix = mix_of(rich, alike, choice, say)
    out: dict[str, Any] = {}
    for count in (0, 1, 3, 10):
        few = with_few_ratings(fold, scarce, count, seed=1)
        train, test = matrices(few.train, few.test, content.item_ids)
        asked = case(train, test, np.isin(names, sorted(scarce)), choice.regularisation)
        predicted = asked.predicted(alike, choice.kernel)
        answered = served(asked.targets, predicted, train, RELEVANT, mix).astype(np.float64)
        scores = {
            "content": asked.ndcg(predicted),
            "ratings": asked.ndcg(asked.targets),
            "served": asked.ndcg(answered),
        }
        out[str(count)] = {name: round(float(one.mean()), 5) for name, one in scores.items()} | {
            f"served_against_{other}": {"difference": asdict(p.difference), "p": p.p_t}
            for other in ("content", "ratings")
            if (p := paired(scores["served"], scores[other]))
        }
        say(f"{count} ratings: {[(name, round(float(one.mean()), 4)) for name, one in scores.items()]}")
    return {"ndcg@10": out, "mix": asdict(mix), "chosen": asdict(choice)}


def mix_of(train: Interactions, alike: Likeness, choice: ColdChoice, say: Say) -> Mix:
    """The mix that the search of packages chooses for this content."""
    matrix = choice.kernel.matrix(alike)

    def content(part: Interactions, vectors: Float64) -> Float64:
        return regress(matrix, vectors, part.counts(), choice.kernel)

    targets = Targets(DIM, choice.regularisation, NEUTRAL_WEIGHT, RELEVANT)
    options = SpaceOptions()
    cuts = rating_cuts(train, options.validation_share, options.seed)
    among_all, among_few = questions(train, targets, None, content, cuts, options)
    return choose_mix(among_all, among_few, HALF_COUNTS, SCALES, say)
