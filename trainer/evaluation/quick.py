"""``marquee evaluate all --quick``: a small slice of the shipped data; asserts behaviour, not scores."""

from __future__ import annotations

import math

import numpy as np

from trainer.data import all_ratings, load_items, resolve
from trainer.data.columns import Ratings
from trainer.data.folder import Files
from trainer.data.splits import cold_items, cold_users, leave_last, random_holdout, take, temporal
from trainer.evaluation.baselines import (
    ease,
    item_neighbours,
    linear_scorer,
    popularity_scorer,
    random_scorer,
)
from trainer.evaluation.metrics import (
    calibration,
    coverage,
    genre_shares,
    gini,
    intra_list_diversity,
    novelty,
)
from trainer.evaluation.ranking import rank_by
from trainer.evaluation.report import evaluate_served
from trainer.evaluation.served import films_of, matrices
from trainer.space.choice import RELEVANT
from trainer.space.tuning import Say

USERS, ITEMS = 120, 250


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
    shares = genre_shares(films.genres.astype(np.float64))
    profile = np.asarray(liked @ shares)
    profile /= np.maximum(profile.sum(axis=1, keepdims=True), 1e-12)
    top = scores["popularity"].top
    chance = scores["random"].top
    hold("chance covers more than popularity", coverage(chance, len(items)) > coverage(top, len(items)))
    hold("popularity is the less even", gini(top, len(items)) > gini(chance, len(items)))
    counts, people = train.counts(), len(train.user_ids)
    hold(
        "chance is the more novel",
        novelty(chance, counts, people).mean() > novelty(top, counts, people).mean(),
    )
    ease_users = scores["EASE"].users
    more = [
        *intra_list_diversity(top, films.genres.astype(np.float64)),
        *calibration(scores["EASE"].top, profile[ease_users], shares),
    ]
    hold("diversity and calibration are numbers", bool(np.isfinite(more).all()))
    found = evaluate_served(Files(fold.train, fold.test, items), dim=32, say=say)
    numbers = [found[m][k] for m in ("ndcg@10", "recall@10", "coverage") for k in ("plain", "reranked")]
    hold("what is served is scored in 0..1", all(math.isfinite(n) and 0 <= n <= 1 for n in numbers))
    hold("what is served beats chance", found["ndcg@10"]["plain"] > ndcg["random"])
    if not found["gate"].get("passed"):
        same = found["ndcg@10"]["plain"] == found["ndcg@10"]["reranked"]
        hold("a re-ranker that its gate stopped changes nothing", same)
    again = evaluate_served(Files(fold.train, fold.test, items), dim=32)
    hold("the same inputs give the same figures", again["ndcg@10"] == found["ndcg@10"])
    return problems
