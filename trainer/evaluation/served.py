"""What is served, scored: a space and a re-ranker trained on ratings, asked as the gateway asks them.

The profile is made by :func:`streaming.space.profile.profiles` itself, in float32; candidates are the largest
inner products among unseen items; users without a like get what is popular, decayed as the gateway does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from handlers.features import side_features
from streaming.events import Item
from streaming.gateway.popular import decay
from streaming.gateway.rerank_features import CANDIDATES
from streaming.settings import GatewaySettings
from trainer.data.columns import Ratings
from trainer.evaluation.list_measures import hits_of
from trainer.evaluation.ranking import Float64, ndcg_at, recall_at
from trainer.reranker.export import OnnxReranker, trained_to_onnx
from trainer.reranker.features import ItemSide, features
from trainer.reranker.few import FEW
from trainer.reranker.from_ratings import train_from_ratings
from trainer.reranker.lists import Float32, Ints, retrieve
from trainer.reranker.space import Films, classes_of, profile_maker, side_of
from trainer.reranker.train import Trained
from trainer.space.choice import RELEVANT, Choice, space_vectors
from trainer.space.content import FilmFeatures
from trainer.space.matrix import Interactions, interactions
from trainer.space.tuning import Say

WEEK_MS = 7 * 24 * 3600 * 1000


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


def train_served(
    table: Ratings,
    ratings: Interactions,
    film_features: FilmFeatures | None,
    films: Films,
    choice: Choice,
    rerank: bool = True,
    seed: int = 0,
    say: Say = lambda _: None,
    few: int = FEW,
) -> Served:
    """The whole of what is served, from training ratings: ``table`` as rows, ``ratings`` as a matrix."""
    vectors = space_vectors(ratings, film_features, choice)
    trained = train_from_ratings(ratings, film_features, films, choice, seed, say, few) if rerank else None
    passed = trained is not None and trained.gate.passed
    model = OnnxReranker(trained_to_onnx(trained)) if trained and passed else None
    return Served(
        choice,
        side_of(ratings, vectors, films, choice),
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
    past = classes_of(history, threshold)
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
