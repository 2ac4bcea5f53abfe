"""What is served beside popularity and EASE, on the same users of one fold, all told the same of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.data import load_items
from trainer.data.splits import Fold
from trainer.evaluation.baselines import ease, linear_scorer, popularity_scorer, same_for_all
from trainer.evaluation.ranking import Float64, rank_by
from trainer.evaluation.report import figures
from trainer.evaluation.served import ask, matrices, side_content, train_served
from trainer.evaluation.statistics import paired
from trainer.reranker.few import FEW
from trainer.reranker.space import films_of
from trainer.space.choice import RELEVANT
from trainer.space.matrix import Interactions, interactions
from trainer.space.options import AUTO, SpaceOptions
from trainer.space.tuning import Say, tune

EASE_LAMBDAS = (50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)
NEUTRAL = 0.5
"""EASE's target of a film that was rated but not liked."""


def _choose_ease(train: Interactions, say: Say) -> dict[str, float]:
    """Lambda for EASE of targets 1 and 0.5, given what was liked or all that was rated, by one cut."""
    rng = np.random.default_rng(5)
    held = rng.random(len(train.values)) < 0.1
    part, validation = train.take(~held), train.take(held)
    y, rated, relevant = part.matrix(RELEVANT, NEUTRAL), part.rated(), validation.liked(RELEVANT)
    tried: dict[str, dict[float, float]] = {"ease": {}, "ease_all_rated": {}}
    for one in EASE_LAMBDAS:
        weights = ease(y, one).astype(np.float32)
        for name, history in (("ease", part.liked(RELEVANT)), ("ease_all_rated", y)):
            scorer = linear_scorer(history.astype(np.float32), weights)
            tried[name][one] = float(rank_by(scorer, rated, relevant).ndcg.mean())
    say(f"EASE by lambda: {tried}")
    return {name: max(scores, key=lambda key: scores[key]) for name, scores in tried.items()}


def parts(fold: Fold, item_ids: tuple[str, ...]) -> tuple[Interactions, Interactions, Interactions]:
    """(what models learn from, what is known when they are asked, what is tested), over the same ids."""
    known, test = matrices(fold.known, fold.test, item_ids)
    return interactions(fold.train, item_ids, known.user_ids), known, test


def baselines(
    train: Interactions,
    known: Interactions,
    test: Interactions,
    popular: npt.NDArray[Any],
    lambdas: dict[str, float],
) -> dict[str, Float64]:
    """NDCG@10 [users] of popularity and of both EASEs, learnt from ``train``, asked with ``known``.

    Users of whom EASE knows nothing are shown what is ``popular`` [items] lately, as by what is served.
    """
    relevant, rated = test.liked(RELEVANT), known.rated()
    out = {"popularity": rank_by(popularity_scorer(train.liked(RELEVANT)), rated, relevant).ndcg}
    fallback = rank_by(same_for_all(popular), rated, relevant)
    y = train.matrix(RELEVANT, NEUTRAL)
    told = {"ease": known.liked(RELEVANT), "ease_all_rated": known.matrix(RELEVANT, NEUTRAL)}
    for name, history in told.items():
        weights = ease(y, lambdas[name]).astype(np.float32)
        found = rank_by(linear_scorer(history.astype(np.float32), weights), rated, relevant).ndcg
        out[name] = np.where(np.diff(history.indptr)[fallback.users] > 0, found, fallback.ndcg)
    return out


def served_against_baselines(fold: Fold, folder: Path, say: Say, few: int = FEW) -> dict[str, Any]:
    """What is served, plain and re-ranked, popularity, and EASE with the same targets, on the same users.

    All learn from ``fold.train`` and are asked with ``fold.known``: of cold users the ratings shown. Users of
    up to ``few`` ratings are re-ranked by networks of their own.
    """
    items = list(load_items(folder))
    films = films_of(items)
    train, known, test = parts(fold, films.item_ids)
    features = side_content(items)
    choice = tune(train, features, SpaceOptions(like_threshold=AUTO), say).choice
    served = train_served(fold.train, train, features, films, choice, say=say, few=few)
    answers = ask(served, known, test)
    out = figures(answers, films, known)
    lambdas = _choose_ease(train, say)
    scores = baselines(train, known, test, served.popular, lambdas)
    ours = {kind: answers.measures(getattr(answers, kind))[0] for kind in ("plain", "reranked")}
    out["baselines"] = {
        **{name: round(float(one.mean()), 5) for name, one in scores.items()},
        "lambdas": lambdas,
    }
    out["against"] = {
        name: {
            kind: {"difference": asdict(p.difference), "p": p.p_t}
            for kind, one in ours.items()
            if (p := paired(one, theirs))
        }
        for name, theirs in scores.items()
    }
    liked = known.liked(choice.like_threshold)
    out["users_without_likes"] = int((np.diff(liked.indptr)[answers.users] == 0).sum())
    out["chosen"] = asdict(choice)
    out["gate"] = served.trained.notes() if served.trained else None
    return out
