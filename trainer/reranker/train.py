"""Trains a re-ranker and lets it through only if it proved better on lists it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from trainer.evaluation.ranking import Float64
from trainer.evaluation.statistics import Interval, bootstrap
from trainer.reranker.lists import Float32, Ints, Lists, ndcg_of
from trainer.reranker.network import LearningOptions, Network, learn, score

LEAST_LISTS = 50
"""With fewer lists that hold a liked item nothing can be learnt, nor proved."""
MEMBERS = 3


@dataclass(frozen=True)
class Gate:
    """What validation measured: NDCG@10 per user of the first stage, and of the re-ranker out of fold."""

    plain: float
    reranked: float
    gain: Interval
    users: int

    @property
    def passed(self) -> bool:
        """Whether the gain is more than chance: its whole 95% interval lies above zero."""
        return self.gain.low > 0


@dataclass(frozen=True)
class Trained:
    """An ensemble and its gate; whoever serves uses it only if ``gate.passed``."""

    networks: list[Network]
    gate: Gate
    young: Trained | None = None
    """The same for users with few ratings (:mod:`trainer.reranker.young`)."""
    few: int = 0
    """Up to how many ratings that is."""

    @property
    def young_networks(self) -> Sequence[Network]:
        """Those of users with few ratings, if they passed a gate of their own."""
        return self.young.networks if self.young is not None and self.young.gate.passed else ()

    def notes(self) -> dict[str, object]:
        """For the model's metadata."""
        gate = self.gate
        young = {} if self.young is None else {"few_ratings": {"up_to": self.few, **self.young.notes()}}
        return {
            "plain_ndcg@10": round(gate.plain, 5),
            "reranked_ndcg@10": round(gate.reranked, 5),
            "gain": [round(x, 5) for x in asdict(gate.gain).values()],
            "users": gate.users,
            "passed": gate.passed,
            **young,
        }


def train_reranker(lists: Lists, options: LearningOptions, members: int = MEMBERS) -> Trained | None:
    """An ensemble of ``members`` networks, each blind to its own part of the users.

    Every user's lists are scored by the one network that never saw that user: this is what the gate
    measures. Served is the mean of all. ``None`` if there are too few lists.
    """
    if int(lists.relevant.any(axis=1).sum()) < LEAST_LISTS:
        return None
    people, user = np.unique(lists.users, return_inverse=True)
    part = np.random.default_rng(options.seed).permutation(np.arange(len(people)) % members)[user]
    out = np.zeros(lists.items.shape, dtype=np.float32)
    networks = []
    for member in range(members):
        network = learn(lists.take(part != member), replace(options, seed=options.seed + member))
        networks.append(network)
        out[part == member] = score([network], lists.take(part == member))
    return Trained(networks, measure(out, lists))


def train_young(main: Trained, lists: Lists, options: LearningOptions) -> Trained | None:
    """An ensemble for users with few ratings, from ``lists`` of such users.

    ``None`` if there are too few of them, or if it orders their lists no better than ``main`` does, which it
    would replace there.
    """
    asked = lists.relevant.any(axis=1)
    if len(np.unique(lists.users[asked])) < LEAST_LISTS:
        return None
    trained = train_reranker(lists, options)
    if trained is None or trained.gate.reranked <= measure(score(main.networks, lists), lists).reranked:
        return None
    return trained


def measure(scores: Float32, lists: Lists) -> Gate:
    """The gate for ``scores`` [n, m], one value a user (users come with several lists)."""
    asked = lists.total > 0
    lists, scores = lists.take(asked), scores[asked]
    m = lists.items.shape[1]
    first_stage = np.broadcast_to(-np.arange(m, dtype=np.float32), lists.items.shape)
    plain, reranked = _per_user(lists.users, [ndcg_of(first_stage, lists), ndcg_of(scores, lists)])
    return Gate(float(plain.mean()), float(reranked.mean()), bootstrap(reranked - plain), len(plain))


def _per_user(
    users: Ints,
    values: Sequence[Float64],
) -> list[Float64]:
    people, user = np.unique(users, return_inverse=True)
    count = np.bincount(user, minlength=len(people))
    return [np.bincount(user, weights=value, minlength=len(people)) / count for value in values]
