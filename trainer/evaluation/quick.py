"""``marquee evaluate all --quick``: a small slice of the shipped data; asserts behaviour, not scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.data import all_ratings, load_items, resolve
from trainer.data.columns import Ratings
from trainer.data.folder import Files
from trainer.data.splits import Fold, cold_items, cold_users, leave_last, random_holdout, take, temporal
from trainer.evaluation.against import baselines, parts
from trainer.evaluation.baselines import (
    ease,
    item_neighbours,
    linear_scorer,
    popularity_scorer,
    random_scorer,
)
from trainer.evaluation.list_measures import background, measure_names, of_catalogue, of_users
from trainer.evaluation.ranking import RankingScores, rank_by
from trainer.evaluation.ratings_row import SYSTEM, rating_errors
from trainer.evaluation.report import evaluate_served, figures
from trainer.evaluation.served import ask, matrices, train_served
from trainer.reranker.space import Films, films_of
from trainer.space.choice import RELEVANT, Choice
from trainer.space.matrix import Interactions
from trainer.space.tuning import Say

USERS, ITEMS = 120, 250
MEASURES = measure_names(10)
Hold = Callable[[str, bool], None]
"""Told what should hold, and whether it does."""


def _slice(ratings: Ratings) -> Ratings:
    """The most rated films and the users who rated most of them."""
    _, item = np.unique(ratings.item_ids.astype(str), return_inverse=True)
    often = np.argsort(-np.bincount(item), kind="stable")[:ITEMS]
    part = take(ratings, np.isin(item, often))
    _, user = np.unique(part.user_ids.astype(str), return_inverse=True)
    busy = np.argsort(-np.bincount(user), kind="stable")[:USERS]
    return take(part, np.isin(user, busy))


def run_quick(say: Say) -> list[str]:
    """Runs every protocol, baseline and measure, and the served pipeline; gives what does not hold."""
    path = resolve("shipped")
    ratings = _slice(all_ratings(path))
    kept = set(ratings.item_ids)
    items = [item for item in load_items(path) if item.item_id in kept]
    films = films_of(items)
    problems: list[str] = []

    def hold(what: str, holds: bool) -> None:
        say(f"{'ok ' if holds else 'NOT'} {what}")
        if not holds:
            problems.append(f"does not hold: {what}")

    folds = [random_holdout(ratings, 0.2, 0), temporal(ratings, 0.2), leave_last(ratings)]
    folds += [next(cold_items(ratings)), next(cold_users(ratings))]
    for fold in folds:
        whole = len(fold.known) + len(fold.test) == len(ratings)
        hold(f"{fold.name}: known and test parts make up all {len(ratings)} ratings", whole)
    fold = folds[0]
    train, test = matrices(fold.train, fold.test, films.item_ids)
    relevant, rated = test.liked(RELEVANT), train.rated()
    liked, y = train.liked(RELEVANT), train.matrix(RELEVANT, 0.5)
    scorers = {
        "random": random_scorer(len(items), 0),
        "popularity": popularity_scorer(liked),
        "item neighbours": linear_scorer(liked, item_neighbours(y, 50)),
        "EASE": linear_scorer(liked, ease(y, 200.0)),
    }
    scores = {name: rank_by(scorer, rated, relevant) for name, scorer in scorers.items()}
    ndcg = {name: float(one.ndcg.mean()) for name, one in scores.items()}
    for name, one in scores.items():
        seen = rated[one.users].toarray() > 0
        shown = np.take_along_axis(seen, np.maximum(one.top, 0), axis=1) & (one.top >= 0)
        hold(f"{name} shows nothing seen", not shown.any())
    hold("popularity beats chance", ndcg["popularity"] > ndcg["random"])
    hold("EASE and item neighbours beat chance", min(ndcg["EASE"], ndcg["item neighbours"]) > ndcg["random"])
    _lists(hold, scores, films, train, test)
    _ratings(hold, fold)
    _cold_users(hold, folds[-1], films)
    found = evaluate_served(Files(fold.train, fold.test, items), dim=32, say=say)
    hold("what is served is scored in 0..1", _sound(found))
    hold("what is served beats chance", found["ndcg@10"]["plain"] > ndcg["random"])
    if not found["gate"].get("passed"):
        same = found["ndcg@10"]["plain"] == found["ndcg@10"]["reranked"]
        hold("a re-ranker that its gate stopped changes nothing", same)
    again = evaluate_served(Files(fold.train, fold.test, items), dim=32)
    hold("the same inputs give the same figures", again["ndcg@10"] == found["ndcg@10"])
    return problems


def _sound(found: dict[str, Any]) -> bool:
    """Whether every measure of ``found`` is there, and within its bounds."""
    numbers = {name: found[name][kind] for name in MEASURES for kind in ("plain", "reranked")}
    most = {"novelty": math.inf, "calibration": math.inf}
    return all(n is not None and 0 <= n <= most.get(name, 1.0) for name, n in numbers.items())


def _lists(
    hold: Hold, scores: dict[str, RankingScores], films: Films, train: Interactions, test: Interactions
) -> None:
    """Every measure of lists, of baselines whose order in it is known."""
    known, relevant = background(films.genres, train), test.liked(RELEVANT)
    means: dict[str, dict[str, float]] = {}
    for name, one in scores.items():
        of_all = of_catalogue(one.top, len(films.item_ids))
        of_each = of_users(one.top, relevant[one.users], one.users, known)
        means[name] = of_all | {measure: float(values.mean()) for measure, values in of_each.items()}
    chance, popular, ease_too = means["random"], means["popularity"], means["EASE"]
    hold("chance covers more than popularity", chance["coverage"] > popular["coverage"])
    hold("popularity is the less even", popular["gini"] > chance["gini"])
    hold("chance is the more novel", chance["novelty"] > popular["novelty"])
    finite = [one[name] for one in means.values() for name in ("intra_list_diversity", "calibration")]
    hold("diversity and calibration are numbers", bool(np.isfinite(finite).all()))
    for name in ("precision@10", "map@10", "mrr@10"):
        hold(f"EASE beats chance by {name}", ease_too[name] > chance[name])
    # a first hit weighs most in MRR, and MAP shares it among all that were to be found
    hold("MRR is at least MAP", all(one["mrr@10"] >= one["map@10"] for one in means.values()))


def _ratings(hold: Hold, fold: Fold) -> None:
    """RMSE and MAE of predicted ratings."""
    errors, _ = rating_errors(fold)
    for measure, one in errors.items():
        hold(
            f"biases predict ratings better than the user's mean, by {measure}",
            one["biases"] < one["user_mean"],
        )
        hold(f"similar items do not spoil the biases, by {measure}", one[SYSTEM] < 1.01 * one["biases"])
    hold("RMSE is at least MAE", all(errors["rmse"][name] >= errors["mae"][name] for name in errors["rmse"]))


def _cold_users(hold: Hold, fold: Fold, films: Films) -> None:
    """What is served to users of whom only the first ratings are known, and baselines told the same."""
    train, known, test = parts(fold, films.item_ids)
    new = np.unique(test.users)
    hold("of cold users nothing is learnt", not np.isin(new, train.users).any())
    served = train_served(fold.train, train, None, films, Choice(dim=32), rerank=False)
    answers = ask(served, known, test)
    seen = known.rated()[answers.users].toarray() > 0
    hold("cold users are shown nothing seen", not np.take_along_axis(seen, answers.plain, axis=1).any())
    found = figures(answers, films, known)
    hold("cold users are scored by every measure", _sound(found))
    chance = rank_by(random_scorer(len(films.item_ids), 0), known.rated(), test.liked(RELEVANT)).ndcg.mean()
    hold("what cold users are served beats chance", found["ndcg@10"]["plain"] > chance)
    lambdas = {"ease": 200.0, "ease_all_rated": 200.0}
    told = baselines(train, known, test, served.popular, lambdas)
    hold(
        "baselines are asked for the same cold users",
        all(len(one) == found["users"] for one in told.values()),
    )
    unknown = ask(served, train, test)
    hold("without the ratings shown all cold users get one list", len(np.unique(unknown.plain, axis=0)) == 1)
    hold("with them they get their own", len(np.unique(answers.plain, axis=0)) > 1)
