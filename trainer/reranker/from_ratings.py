"""A re-ranker from ratings: lists by spaces that have not seen what is to be found, networks, and gates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainer.reranker.few import FEW
from trainer.reranker.lists import Lists, join
from trainer.reranker.network import LearningOptions, options_for
from trainer.reranker.space import Films, classes_of, list_maker
from trainer.reranker.train import Trained, train_reranker, train_young
from trainer.reranker.young import DRAWS, PARTS, shown, young_users
from trainer.space.choice import RELEVANT, Choice
from trainer.space.content import FilmFeatures
from trainer.space.cuts import FEW_RATINGS
from trainer.space.matrix import Interactions
from trainer.space.tuning import Say

YOUNG_EPOCHS, YOUNG_RATE = 24, 1e-2
"""Their lists are few on small sets, and begin further from what is wanted."""
MOST_LISTS = 30_000
"""Lists the re-ranker learns from: 600 MB of features."""


def train_from_ratings(
    ratings: Interactions,
    film_features: FilmFeatures | None,
    films: Films,
    choice: Choice,
    seed: int = 0,
    say: Say = lambda _: None,
    few: int = FEW,
) -> Trained | None:
    """A re-ranker from lists whose held-out ratings neither the space nor the profile saw, and its gate.

    Users of up to ``few`` ratings get networks of their own (:mod:`trainer.reranker.young`); 0 is nobody.
    """
    rng = np.random.default_rng([seed, 77])
    # few ratings: fewer but fuller lists
    folds = 5 if len(ratings.values) < FEW_RATINGS else 10
    part = rng.integers(0, folds, len(ratings.values))
    people = len(ratings.user_ids)
    # every rating at most once held out, every user in as many lists as fit
    parts = max(1, min(folds, MOST_LISTS // people))
    lists = []
    for number in range(parts):
        rest, held = ratings.take(part != number), ratings.take(part == number)
        make = list_maker(rest, film_features, films, choice)
        users = rng.permutation(people)[:MOST_LISTS]
        users.sort()
        lists.append(make(classes_of(rest, choice.like_threshold), held.liked(RELEVANT), users))
        say(f"lists {number + 1} of {parts}")
    joined = join(lists)
    trained = train_reranker(joined, options_for(len(joined.users), seed))
    if trained is None:
        return None
    gate = trained.gate
    say(f"re-ranker: {gate.plain:.4f} -> {gate.reranked:.4f}, gain {gate.gain}, passed {gate.passed}")
    if not gate.passed or few < 1:
        return trained
    # 600 MB where there are many ratings
    del lists, joined
    rng = np.random.default_rng([seed, 78])
    begun = join(_young_lists(ratings, film_features, films, choice, rng, few, say))
    options = LearningOptions(epochs=YOUNG_EPOCHS, rate=YOUNG_RATE, seed=seed)
    young = train_young(trained, begun, options)
    if young is not None:
        measured = young.gate
        say(f"users of up to {few} ratings: {measured.plain:.4f} -> {measured.reranked:.4f}, {measured.gain}")
    return replace(trained, young=young, few=few)


def _young_lists(
    ratings: Interactions,
    film_features: FilmFeatures | None,
    films: Films,
    choice: Choice,
    rng: np.random.Generator,
    few: int,
    say: Say,
) -> list[Lists]:
    """Lists of users of whom little is known, by spaces that have not seen them."""
    lists = []
    for number, young in enumerate(young_users(len(ratings.user_ids), rng)):
        theirs = young[ratings.users]
        make = list_maker(ratings.take(~theirs), film_features, films, choice)
        users = np.flatnonzero(young)
        if len(users) > MOST_LISTS // (PARTS * DRAWS):
            users = np.sort(rng.permutation(users)[: MOST_LISTS // (PARTS * DRAWS)])
        for _ in range(DRAWS):
            told = shown(ratings, young, rng, few)
            history, later = ratings.take(told), ratings.take(theirs & ~told)
            known_of = classes_of(history, choice.like_threshold)
            lists.append(make(known_of, later.liked(RELEVANT), users))
        say(f"lists of users with few ratings {number + 1} of {PARTS}")
    return lists
