"""The gate ``evaluate``: two spaces, asked what people came to like after both were trained. Pure.

Both are asked with profiles of the same ratings, among the same films, for the same people, so that every
number is a paired difference; intervals are percentile bootstraps over people (Efron and Tibshirani, 1993, An
Introduction to the Bootstrap, chapter 13), their error shared out over the rows (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from deploy.rollout.exceptions import NotComparableError
from deploy.rollout.gates.heldout import Person
from deploy.rollout.gates.limits import EvaluateLimits
from deploy.rollout.gates.rows import Row, at_least, at_most
from deploy.rollout.gates.sequential import Interval
from streaming.control.documents import Policy
from streaming.space.profile import ages_of, classes_of, profiles
from trainer.evaluation.metrics import intra_list_diversity
from trainer.evaluation.ranking import RankingScores, rank_by
from trainer.evaluation.statistics import bootstrap

K = 10
ROWS = 9
RESAMPLES = 1_000
COVERAGE_RESAMPLES = 200

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Catalogue:
    """The films of both spaces. ``genres`` float64 [items, genres]; ``cold`` [items]: in neither item table;
    ``popular`` float64 [items]: what users without a profile are given, best first."""

    item_ids: tuple[str, ...]
    genres: Float64
    cold: Bools
    popular: Float64


@dataclass(frozen=True)
class Side:
    """One space: float32 [items, dim], which of the films have a vector there, and its policy."""

    vectors: Float32
    present: Bools
    policy: Policy


@dataclass(frozen=True)
class Found:
    """The rows, and what could not be judged and why."""

    rows: tuple[Row, ...]
    remarks: tuple[str, ...]


def evaluate(
    people: Sequence[Person],
    catalogue: Catalogue,
    new: Side,
    old: Side,
    wanted: EvaluateLimits,
    after: str = "the cut-off",
) -> Found:
    """Every row of the gate; rows of too few people are left out, with a remark.

    Args:
        after: the cut-off in words, for the error.

    Raises:
        NotComparableError: too few people came to like a film that is in the catalogue.
    """
    place = {item: column for column, item in enumerate(catalogue.item_ids)}
    relevant = _matrix([[place[i] for i in p.liked_later if i in place] for p in people], len(place))
    seen = _matrix([[place[i] for i in p.history if i in place] for p in people], len(place))
    told = [_told(p, place) for p in people]
    likes = np.array([_likes(p, new.policy.like_threshold) for p in people])
    first, second = (_rank(_scores(side, told, catalogue), seen, relevant) for side in (new, old))
    count = len(first.users)
    if count < wanted.fewest_users:
        raise NotComparableError(
            f"only {count} users came to like a film after {after}; {wanted.fewest_users} are needed:"
            " ask again when more have rated"
        )
    confidence = 1 - wanted.alpha / ROWS
    rows, remarks = [], []

    def less(name: str, new_values: Float64, old_values: Float64, limit: float) -> None:
        rows.append(at_most(name, _mean(old_values - new_values, confidence), limit, len(new_values)))

    less("NDCG@10 less", first.ndcg, second.ndcg, wanted.ndcg_less)
    less("Recall@10 less", first.recall, second.recall, wanted.recall_less)
    cold = [_rank(_scores(side, told, catalogue), seen, relevant, catalogue.cold) for side in (new, old)]
    if len(cold[0].users) >= wanted.fewest_cold:
        less("cold films: NDCG@10 less", cold[0].ndcg, cold[1].ndcg, wanted.cold_items_less)
        less("cold films: Recall@10 less", cold[0].recall, cold[1].recall, wanted.cold_items_less)
    else:
        remarks.append(f"cold films are not judged: liked later by {len(cold[0].users)} users only")
    few = likes[first.users] < wanted.cold_user_likes
    if few.sum() >= wanted.fewest_cold:
        less("cold users: NDCG@10 less", first.ndcg[few], second.ndcg[few], wanted.cold_users_less)
        less("cold users: Recall@10 less", first.recall[few], second.recall[few], wanted.cold_users_less)
    else:
        remarks.append(f"cold users are not judged: there are {int(few.sum())} only")
    overlap = _overlap(first.top, second.top)
    rows.append(at_least("overlap@10", _mean(overlap, confidence), wanted.overlap, count))
    ratio = _coverage_ratio(first.top, second.top, len(place), confidence)
    rows.append(at_least("coverage ratio", ratio, wanted.coverage_ratio, count))
    diverse = [intra_list_diversity(one.top, catalogue.genres) for one in (first, second)]
    less("diversity less", diverse[0], diverse[1], wanted.diversity_less)
    return Found(tuple(rows), tuple(remarks))


def _likes(person: Person, threshold: float) -> int:
    return sum(value is not None and value >= threshold for value, _ in person.history.values())


def _matrix(columns: Sequence[Sequence[int]], items: int) -> sp.csr_matrix:
    bounds = np.cumsum([0, *(len(row) for row in columns)])
    flat = np.array([column for row in columns for column in row], dtype=np.int64)
    return sp.csr_matrix((np.ones(len(flat)), flat, bounds), shape=(len(columns), items))


_Told = tuple[npt.NDArray[np.int32], Float64, npt.NDArray[np.int64]]
"""What one user had rated: item columns, values, event times in ms."""


def _told(person: Person, place: Mapping[str, int]) -> _Told:
    rated = [(place[i], v, at) for i, (v, at) in person.history.items() if v is not None and i in place]
    columns, values, times = zip(*rated, strict=True) if rated else ((), (), ())
    return np.array(columns, np.int32), np.array(values, np.float64), np.array(times, np.int64)


def _scores(side: Side, told: Sequence[_Told], catalogue: Catalogue) -> _Scorer:
    """Profiles by the code that projectors run."""
    rows = np.concatenate([columns for columns, _, _ in told])
    classes = np.concatenate([classes_of(values, side.policy) for _, values, _ in told])
    ages = np.concatenate([ages_of(times) for _, _, times in told])
    bounds = np.cumsum([0, *(len(columns) for columns, _, _ in told)])
    made = profiles(side.vectors, side.present[rows], rows, classes, bounds, side.policy, ages)
    return _Scorer(made, side, catalogue.popular)


@dataclass(frozen=True)
class _Scorer:
    """Inner products with the profile; for who has none what is popular, as the gateway answers."""

    profiles: Float32
    side: Side
    popular: Float64

    def __call__(self, users: npt.NDArray[np.int64]) -> Float64:
        scores = (self.profiles[users] @ self.side.vectors.T).astype(np.float64)
        scores[~self.profiles[users].any(axis=1)] = self.popular
        scores[:, ~self.side.present] = -np.inf
        return scores


def _rank(
    score: _Scorer, seen: sp.csr_matrix, relevant: sp.csr_matrix, candidates: Bools | None = None
) -> RankingScores:
    return rank_by(score, seen, relevant, K, candidates)


def _mean(values: Float64, confidence: float) -> Interval:
    found = bootstrap(values, confidence, RESAMPLES)
    return Interval(found.mean, found.low, found.high)


def _overlap(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> Float64:
    """[users]: share of the longer list that both have."""
    shared = [len(set(a[a >= 0]) & set(b[b >= 0])) for a, b in zip(one, other, strict=True)]
    longest = np.maximum(np.maximum((one >= 0).sum(axis=1), (other >= 0).sum(axis=1)), 1)
    out: Float64 = np.array(shared, dtype=np.float64) / longest
    return out


def _coverage_ratio(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], items: int, confidence: float
) -> Interval:
    """Films that anybody is shown, new over old. Fewer distinct people show fewer films, to both alike."""

    def ratio(users: npt.NDArray[np.int64]) -> float:
        shown = [len(np.unique(top[users][top[users] >= 0])) for top in (one, other)]
        return shown[0] / max(1, shown[1])

    rng = np.random.default_rng(0)
    count = len(one)
    drawn = [ratio(rng.integers(0, count, count)) for _ in range(COVERAGE_RESAMPLES)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    whole = ratio(np.arange(count))
    return Interval(whole, min(whole, float(low)), max(whole, float(high)))
