"""What is served, scored: a space and a re-ranker trained on ratings, asked as the gateway asks them.

The profile is made by :func:`streaming.space.profile.profiles` itself, in float32; candidates are the largest
inner products among unseen items; users without a like get what is popular, decayed as the gateway does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from handlers.features import side_features
from streaming.control.documents import Policy
from streaming.events import Item
from streaming.gateway.popular import decay
from streaming.gateway.rerank_features import CANDIDATES
from streaming.milvus.seen import LIKED
from streaming.settings import GatewaySettings
from streaming.space.profile import profiles
from trainer.data.columns import Ratings
from trainer.evaluation.list_measures import hits_of
from trainer.evaluation.ranking import Float64, ndcg_at, recall_at
from trainer.reranker.export import OnnxReranker, to_onnx
from trainer.reranker.features import ItemSide, features, item_side
from trainer.reranker.lists import Float32, Ints, Known, Lists, join, known, make_lists, retrieve
from trainer.reranker.network import LearningOptions, options_for
from trainer.reranker.train import Trained, train_reranker, train_young
from trainer.reranker.young import DRAWS, PARTS, shown, young_users
from trainer.space.choice import RELEVANT, Choice, space_vectors
from trainer.space.content import FilmFeatures
from trainer.space.cuts import FEW_RATINGS
from trainer.space.matrix import Interactions, interactions
from trainer.space.tuning import Say

NEUTRAL_THRESHOLD = 3.0
WEEK_MS = 7 * 24 * 3600 * 1000
YOUNG_EPOCHS, YOUNG_RATE = 24, 1e-2
"""Their lists are few on small sets, and begin further from what is wanted."""
MOST_LISTS = 30_000
"""Lists the re-ranker learns from: 600 MB of features."""


@dataclass(frozen=True)
class Films:
    """What is known of each item of a catalogue beside ratings, in its order."""

    item_ids: tuple[str, ...]
    genres: npt.NDArray[np.bool_]
    years: Float32


def films_of(items: Sequence[Item]) -> Films:
    """Genres and years of ``items``."""
    names = sorted({genre for item in items for genre in item.genres})
    column = {name: i for i, name in enumerate(names)}
    genres = np.zeros((len(items), len(names)), dtype=bool)
    for row, item in zip(genres, items, strict=True):
        row[[column[genre] for genre in item.genres]] = True
    years = np.array([item.year or 0 for item in items], dtype=np.float32)
    return Films(tuple(item.item_id for item in items), genres, years)


@dataclass(frozen=True)
class Served:
    """A space ready to be asked."""

    choice: Choice
    side: ItemSide
    reranker: OnnxReranker | None
    """``None``: not asked for, or its gate did not let it through."""
    trained: Trained | None
    popular: Float32
    """[items]: decayed likes."""


def _classes(ratings: Interactions, threshold: float) -> Known:
    return known(
        ratings.users, ratings.items, ratings.values, ratings.shape, (threshold, min(threshold, 3.0))
    )


def profile_maker(vectors: Float32, threshold: float) -> Callable[[sp.csr_matrix], Float32]:
    """Profiles float32 [n, dim] of rows of liked items, by the code that projectors run."""
    policy = Policy(like_threshold=threshold, neutral_threshold=min(threshold, NEUTRAL_THRESHOLD))

    def make(liked: sp.csr_matrix) -> Float32:
        rows = liked.indices.astype(np.int32)
        classes = np.full(len(rows), LIKED, dtype=np.uint8)
        present = np.ones(len(rows), dtype=bool)
        return profiles(vectors, present, rows, classes, liked.indptr.astype(np.int64), policy)

    return make


def _side(ratings: Interactions, vectors: Float32, films: Films, choice: Choice) -> ItemSide:
    likes = np.asarray(ratings.liked(choice.like_threshold).sum(axis=0)).ravel().astype(np.int64)
    return item_side(vectors, films.genres, films.years, likes)


def train_served_reranker(
    ratings: Interactions,
    film_features: FilmFeatures | None,
    films: Films,
    choice: Choice,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Trained | None:
    """A re-ranker from lists whose held-out ratings neither the space nor the profile saw, and its gate."""
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
        make = _list_maker(rest, film_features, films, choice)
        users = rng.permutation(people)[:MOST_LISTS]
        users.sort()
        lists.append(make(_classes(rest, choice.like_threshold), held.liked(RELEVANT), users))
        say(f"lists {number + 1} of {parts}")
    joined = join(lists)
    trained = train_reranker(joined, options_for(len(joined.users), seed))
    if trained is None:
        return None
    gate = trained.gate
    say(f"re-ranker: {gate.plain:.4f} -> {gate.reranked:.4f}, gain {gate.gain}, passed {gate.passed}")
    if not gate.passed:
        return trained
    # 600 MB where there are many ratings
    del lists, joined
    few = join(_young_lists(ratings, film_features, films, choice, np.random.default_rng([seed, 78]), say))
    options = LearningOptions(epochs=YOUNG_EPOCHS, rate=YOUNG_RATE, seed=seed)
    young = train_young(trained, few, options)
    if young is not None:
        say(f"users with few ratings: {young.gate.plain:.4f} -> {young.gate.reranked:.4f}, {young.gate.gain}")
    return replace(trained, young=young)


def _young_lists(
    ratings: Interactions,
    film_features: FilmFeatures | None,
    films: Films,
    choice: Choice,
    rng: np.random.Generator,
    say: Say,
) -> list[Lists]:
    """Lists of users of whom little is known, by spaces that have not seen them."""
    lists = []
    for number, young in enumerate(young_users(len(ratings.user_ids), rng)):
        theirs = young[ratings.users]
        make = _list_maker(ratings.take(~theirs), film_features, films, choice)
        users = np.flatnonzero(young)
        if len(users) > MOST_LISTS // (PARTS * DRAWS):
            users = np.sort(rng.permutation(users)[: MOST_LISTS // (PARTS * DRAWS)])
        for _ in range(DRAWS):
            told = shown(ratings, young, rng)
            history, later = ratings.take(told), ratings.take(theirs & ~told)
            known_of = _classes(history, choice.like_threshold)
            lists.append(make(known_of, later.liked(RELEVANT), users))
        say(f"lists of users with few ratings {number + 1} of {PARTS}")
    return lists


def _list_maker(
    ratings: Interactions, film_features: FilmFeatures | None, films: Films, choice: Choice
) -> Callable[[Known, sp.csr_matrix, Ints], Lists]:
    """:func:`trainer.reranker.lists.make_lists` by a space that has seen ``ratings``."""
    vectors = space_vectors(ratings, film_features, choice)
    return partial(
        make_lists, profile_maker(vectors, choice.like_threshold), _side(ratings, vectors, films, choice)
    )


def train_served(
    table: Ratings,
    ratings: Interactions,
    film_features: FilmFeatures | None,
    films: Films,
    choice: Choice,
    rerank: bool = True,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Served:
    """The whole of what is served, from training ratings: ``table`` as rows, ``ratings`` as a matrix."""
    vectors = space_vectors(ratings, film_features, choice)
    trained = (
        train_served_reranker(ratings, film_features, films, choice, seed=seed, say=say) if rerank else None
    )
    passed = trained is not None and trained.gate.passed
    model = (
        OnnxReranker(to_onnx(trained.networks, trained.notes(), trained.young_networks))
        if trained and passed
        else None
    )
    return Served(
        choice,
        _side(ratings, vectors, films, choice),
        model,
        trained,
        popular_scores(table, films.item_ids, choice.like_threshold),
    )


def popular_scores(table: Ratings, item_ids: Sequence[str], threshold: float) -> Float32:
    """[items]: likes, decayed by their age in weeks as the gateway does for users without a profile."""
    half_life = GatewaySettings().half_life_days
    weeks = table.event_time_ms // WEEK_MS
    newest = int(weeks.max())
    row = {one: i for i, one in enumerate(item_ids)}
    out = np.zeros(len(item_ids), dtype=np.float32)
    for item, week, value in zip(table.item_ids, weeks, table.values, strict=True):
        if value >= threshold and item in row:
            out[row[item]] += decay(int(week), newest, half_life)
    return out


@dataclass(frozen=True)
class Answers:
    """What users with anything to find were shown."""

    users: Ints
    plain: Ints
    """[users, k] items."""
    reranked: Ints
    """[users, k]; as ``plain`` without a re-ranker."""
    relevant: sp.csr_matrix
    """[users, items], of these users."""

    def measures(self, lists: Ints) -> tuple[Float64, Float64]:
        """(NDCG, recall), each [users], of ``plain`` or ``reranked``."""
        hits, total = hits_of(lists, self.relevant)
        return ndcg_at(hits, total), recall_at(hits, total)


def ask(served: Served, history: Interactions, test: Interactions, k: int = 10) -> Answers:
    """The first ``k`` of every user who likes anything in ``test``, given ``history``.

    Raises:
        ValueError: if ``k`` is more than the first stage retrieves.
    """
    if not 1 <= k <= CANDIDATES:
        raise ValueError(f"{k} places; the first stage retrieves {CANDIDATES} films")
    threshold = served.choice.like_threshold
    past = _classes(history, threshold)
    relevant = test.liked(RELEVANT)
    users = np.flatnonzero(np.diff(relevant.indptr) > 0)
    liked = past.liked()[users]
    some = np.diff(liked.indptr) > 0
    plain = np.full((len(users), k), -1, dtype=np.int64)
    make = profile_maker(served.side.vectors, threshold)
    candidates = retrieve(make(liked[some]), served.side, past.classes, users[some])
    plain[some] = candidates[:, :k]
    for i in np.flatnonzero(~some):
        plain[i] = _popular(served.popular, past.of(int(users[i]))[0], k)
    reranked = plain.copy()
    if served.reranker is not None:
        for i, row in zip(np.flatnonzero(some), candidates, strict=True):
            row = row[row >= 0]
            rated, classes = past.of(int(users[i]))
            order = served.reranker.order(features(served.side, rated, classes, row))
            reranked[i, : min(k, len(row))] = row[order[:k]]
    return Answers(users, plain, reranked, relevant[users])


def _popular(scores: Float32, seen: Ints, k: int) -> Ints:
    left = scores.copy()
    left[seen] = -np.inf
    order = np.argsort(-left, kind="stable")[:k]
    out = np.full(k, -1, dtype=np.int64)
    out[: len(order)] = np.where(left[order] > -np.inf, order, -1)
    return out


def side_content(items: Sequence[Item]) -> FilmFeatures:
    """Genres, year, countries, languages and people of ``items`` as the encoder sees them; no text."""
    from trainer.space.train import encode_items, feature_config

    films = encode_items(items)
    side = side_features(films, feature_config(films)).astype(np.float64)
    return FilmFeatures(side, side)


def matrices(train: Ratings, test: Ratings, item_ids: Sequence[str]) -> tuple[Interactions, Interactions]:
    """Both tables over the same users and the catalogue's items."""
    users = sorted(set(train.user_ids) | set(test.user_ids))
    return interactions(train, item_ids, users), interactions(test, item_ids, users)
