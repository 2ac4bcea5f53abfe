"""Lists to learn from: what the first stage retrieves for a user, and which of it he liked later. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from streaming.milvus.seen import DISLIKED, LIKED, NEUTRAL
from trainer.evaluation.ranking import ndcg_at
from trainer.reranker.features import CANDIDATES, NAMES, ItemSide, features

Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BLOCK = 256
"""Users retrieved for at once."""


@dataclass(frozen=True)
class Known:
    """Who rated what, as a served system knows it: csr of weight classes [users, items], uint8."""

    classes: sp.csr_matrix

    def of(self, user: int) -> tuple[Ints, npt.NDArray[np.uint8]]:
        """(rows of items, their classes) of one user."""
        start, end = self.classes.indptr[user], self.classes.indptr[user + 1]
        return self.classes.indices[start:end].astype(np.int64), self.classes.data[start:end]

    def liked(self) -> sp.csr_matrix:
        """float32 csr [users, items], 1 for liked."""
        # a copy: eliminate_zeros would re-write the indices that both share
        out = self.classes.astype(np.float32, copy=True)
        out.data = (self.classes.data == LIKED).astype(np.float32)
        out.eliminate_zeros()
        return out


def known(
    users: Ints,
    items: Ints,
    values: npt.NDArray[np.float64],
    shape: tuple[int, int],
    thresholds: tuple[float, float],
) -> Known:
    """Ratings as classes; ``thresholds`` are those of liked and of neutral."""
    classes = np.where(values >= thresholds[0], LIKED, np.where(values >= thresholds[1], NEUTRAL, DISLIKED))
    return Known(sp.csr_matrix((classes.astype(np.uint8), (users, items)), shape=shape))


@dataclass(frozen=True)
class Lists:
    """n candidate lists of one length; shorter ones are filled up with row -1, features 0."""

    users: Ints
    """[n]."""
    items: Ints
    """[n, m], first-stage order."""
    features: Float32
    """[n, m, len(NAMES)]."""
    relevant: npt.NDArray[np.bool_]
    """[n, m]: liked in the held-out part."""
    total: Ints
    """[n]: how many were liked there, whether retrieved or not."""

    def take(self, keep: npt.NDArray[np.bool_]) -> Lists:
        """The lists where ``keep`` [n] holds."""
        return Lists(
            self.users[keep], self.items[keep], self.features[keep], self.relevant[keep], self.total[keep]
        )


def join(parts: Sequence[Lists]) -> Lists:
    """All lists of ``parts``, one after the other."""
    return Lists(
        np.concatenate([p.users for p in parts]),
        np.concatenate([p.items for p in parts]),
        np.concatenate([p.features for p in parts]),
        np.concatenate([p.relevant for p in parts]),
        np.concatenate([p.total for p in parts]),
    )


def retrieve(
    profiles: Float32, side: ItemSide, rated: sp.csr_matrix, users: Ints, m: int = CANDIDATES
) -> Ints:
    """[n, m] rows of largest inner products with ``profiles`` [n, d], falling, unseen; -1 if none is left."""
    out = np.full((len(users), m), -1, dtype=np.int64)
    width = min(m, len(side.vectors))
    for start in range(0, len(users), BLOCK):
        block = slice(start, start + BLOCK)
        scores = profiles[block] @ side.vectors.T
        scores[rated[users[block]].nonzero()] = -np.inf
        best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
        best.sort(axis=1)
        found = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        best, found = np.take_along_axis(best, order, axis=1), np.take_along_axis(found, order, axis=1)
        out[block, :width] = np.where(found > -np.inf, best, -1)
    return out


def make_lists(
    profile_of: Callable[[sp.csr_matrix], Float32],
    side: ItemSide,
    history: Known,
    relevant: sp.csr_matrix,
    users: Ints,
    m: int = CANDIDATES,
) -> Lists:
    """The lists of ``users`` who like anything (others are served what is popular).

    ``profile_of`` gives the profiles [n, d] of rows of :meth:`Known.liked`; ``relevant`` [users, items] is
    what they liked in the held-out part.
    """
    liked = history.liked()
    users = users[np.diff(liked.indptr)[users] > 0]
    items = retrieve(profile_of(liked[users]), side, history.classes, users, m)
    out = np.zeros((len(users), m, len(NAMES)), dtype=np.float32)
    hits = np.zeros((len(users), m), dtype=bool)
    total = np.diff(relevant.indptr)[users].astype(np.int64)
    for i, user in enumerate(users):
        candidates = items[i][items[i] >= 0]
        if len(candidates):
            rows, classes = history.of(int(user))
            out[i, : len(candidates)] = features(side, rows, classes, candidates)
            wanted = relevant.indices[relevant.indptr[user] : relevant.indptr[user + 1]]
            hits[i, : len(candidates)] = np.isin(candidates, wanted)
    return Lists(users, items, out, hits, total)


def ndcg_of(scores: Float32, lists: Lists, k: int = 10) -> npt.NDArray[np.float64]:
    """[n]: NDCG of ordering each list by ``scores`` [n, m], ties as they came; 0 where nothing was liked."""
    ranked = np.where(lists.items >= 0, scores, -np.inf)
    order = np.argsort(-ranked, axis=1, kind="stable")[:, :k]
    return ndcg_at(np.take_along_axis(lists.relevant, order, axis=1), lists.total)
