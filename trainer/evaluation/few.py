"""Films with few ratings, ranked among themselves: a row of docs/results.md."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.data.splits import random_holdout, with_few_ratings
from trainer.evaluation.cold import ColdChoice, case, choose_cold, ml_100k_content
from trainer.evaluation.kernel import Likeness
from trainer.evaluation.ranking import Float64
from trainer.evaluation.served import matrices
from trainer.evaluation.statistics import paired
from trainer.space.matrix import Interactions
from trainer.space.tuning import Say

HALF_COUNTS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0)
STRENGTHS = (0.0, 0.3, 1.0, 2.0, 4.0)
FEW = (1, 3, 10)


def ml_100k_few(data: Path, say: Say) -> dict[str, Any]:
    """Films with 0, 1, 3, 10 ratings, ranked among themselves: content, ratings, and both.

    ``both`` is content turned towards the tastes of who liked the film, ``table`` content and ratings as item
    tables mix them.
    """
    ratings, content = ml_100k_content(data)
    fold = random_holdout(ratings, 0.2, seed=0)
    names = np.array(content.item_ids)
    scarce = frozenset(np.random.default_rng(0).permutation(names)[: len(names) // 5].tolist())
    others = replace(fold, cold_items=scarce)
    rich, _ = matrices(with_few_ratings(others, scarce, 0, seed=1).train, fold.test, content.item_ids)
    choice = choose_cold(rich, content, 0, say)
    alike = content.alike()
    half = choose_half(rich, alike, choice, say)
    strength = choose_strength(rich, alike, choice, say)
    out: dict[str, Any] = {}
    for count in (0, 1, 3, 10):
        few = with_few_ratings(fold, scarce, count, seed=1)
        train, test = matrices(few.train, few.test, content.item_ids)
        asked = case(train, test, np.isin(names, sorted(scarce)), choice.regularisation)
        predicted = asked.predicted(alike, choice.kernel)
        scores = {
            "content": asked.ndcg(predicted),
            "ratings": asked.ndcg(asked.targets),
            "both": asked.ndcg(asked.turned(predicted, strength)),
            "table": asked.ndcg(mixed(predicted, asked.targets, train.counts(), half)),
        }
        out[str(count)] = {name: round(float(one.mean()), 5) for name, one in scores.items()} | {
            f"both_against_{other}": {"difference": asdict(p.difference), "p": p.p_t}
            for other in ("content", "ratings", "table")
            if (p := paired(scores["both"], scores[other]))
        }
        say(f"{count} ratings: {[(name, round(float(one.mean()), 4)) for name, one in scores.items()]}")
    return {"ndcg@10": out, "half_count": half, "strength": strength, "chosen": asdict(choice)}


def mixed(content: Float64, ratings: Float64, counts: npt.NDArray[np.int64], half: float) -> Float64:
    """(1 - a) content + a ratings with a = n / (n + half), as the item table does."""
    n = counts.astype(np.float64)[:, None]
    a = np.divide(n, n + half, out=np.zeros_like(n), where=n > 0)
    out: Float64 = (1 - a) * content + a * ratings
    return out


def choose_half(train: Interactions, alike: Likeness, choice: ColdChoice, say: Say) -> float:
    """The half count that ranks warm items best of which all but 1, 3 or 10 ratings are held out."""
    rng = np.random.default_rng(11)
    counts = train.counts()
    thin = np.zeros(len(counts), dtype=bool)
    rich = np.flatnonzero(counts > 20)
    thin[rng.permutation(rich)[: len(rich) // 4]] = True
    position = _positions(train, rng)
    allowed = rng.choice([1, 3, 10], len(counts))
    keep = ~thin[train.items] | (position < allowed[train.items])
    asked = case(train.take(keep), train.take(~keep), thin, choice.regularisation)
    predicted, n = asked.predicted(alike, choice.kernel), asked.train.counts()
    scores = {
        half: float(asked.ndcg(mixed(predicted, asked.targets, n, half)).mean()) for half in HALF_COUNTS
    }
    best = max(scores, key=lambda half: scores[half])
    say(f"half count {best}: {scores[best]:.4f}")
    return best


def choose_strength(train: Interactions, alike: Likeness, choice: ColdChoice, say: Say) -> float:
    """How far likes turn the vectors of films with few: what ranks warm items best of which few are left.

    Unlike for :func:`choose_half` the items are drawn from all that have ratings, as those asked for are, and
    each number of ratings is a case of its own.
    """
    rng = np.random.default_rng(12)
    counts = train.counts()
    warm = np.flatnonzero(counts > 0)
    thin = np.zeros(len(counts), dtype=bool)
    thin[rng.permutation(warm)[: len(warm) // 4]] = True
    position = _positions(train, rng)
    scores = dict.fromkeys(STRENGTHS, 0.0)
    for count in FEW:
        keep = ~thin[train.items] | (position < count)
        asked = case(train.take(keep), train.take(~keep), thin, choice.regularisation)
        predicted = asked.predicted(alike, choice.kernel)
        for one in STRENGTHS:
            scores[one] += float(asked.ndcg(asked.turned(predicted, one)).mean()) / len(FEW)
    best = max(scores, key=lambda one: scores[one])
    say(f"strength {best} of tastes: {[(one, round(score, 4)) for one, score in scores.items()]}")
    return best


def _positions(train: Interactions, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """[ratings]: the place of each among its item's, in a drawn order."""
    order = np.lexsort((rng.permutation(len(train.items)), train.items))
    starts = np.concatenate([[0], np.cumsum(train.counts())[:-1]])
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order)) - starts[train.items[order]]
    return position
