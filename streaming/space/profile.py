"""The profile mathematics: weights of rated items and item vectors to taste vectors. Pure.

Half-life: a weight of 2^(-age / half-life) asks "older than when?", and the answer does not matter: another
moment multiplies all weights of a user alike, which the division by their sum takes out again. So a decayed
profile is a function of the user's document alone, does not change while time goes by, and a row is right as
long as its revision is. Ages count in whole seconds, so that every computation has the same ones.

Rounding: sums run in float32 over at most :data:`CHUNK` vectors and in float64 across chunks, so that
the error stays below ``CHUNK * 2**-24 < 4e-6`` of the mean length of the summed vectors for any number
of likes, at the speed of float32.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from streaming.control.documents import Policy
from streaming.milvus.seen import DISLIKED, LIKED, NEUTRAL

CHUNK = 64

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Ages = npt.NDArray[np.uint32]
DAY_S = 86_400


def class_weights(policy: Policy) -> Floats:
    """float32 (4,): the weight of each class code (0 is no class)."""
    weights = np.zeros(4, dtype=np.float32)
    if policy.name == "mean":
        weights[LIKED] = 1.0
    else:
        weights[[LIKED, NEUTRAL, DISLIKED]] = policy.liked, policy.neutral, policy.disliked
    return weights


def classes_of(values: npt.NDArray[np.float64], policy: Policy) -> npt.NDArray[np.uint8]:
    """Weight classes (uint8) of rating values (float64), shapes (n,)."""
    classes = np.full(len(values), DISLIKED, dtype=np.uint8)
    classes[values >= policy.neutral_threshold] = NEUTRAL
    classes[values >= policy.like_threshold] = LIKED
    return classes


def ages_of(times_ms: Ints) -> Ages:
    """Whole seconds, uint32 (n,), by which one user's ratings are older than his newest; times in ms."""
    if not len(times_ms):
        return np.zeros(0, dtype=np.uint32)
    seconds = times_ms // 1000
    out: Ages = np.minimum(seconds.max() - seconds, np.iinfo(np.uint32).max).astype(np.uint32)
    return out


def count_per_user(mask: npt.NDArray[np.bool_], bounds: Ints) -> Ints:
    """How many entries of ``mask`` (bool (n,)) hold for each user, int64 (users,)."""
    sums = np.zeros(len(mask) + 1, dtype=np.int64)
    np.cumsum(mask, out=sums[1:])
    return sums[bounds[1:]] - sums[bounds[:-1]]


def profiles(
    vectors: Floats,
    present: npt.NDArray[np.bool_],
    rows: npt.NDArray[np.int32],
    classes: npt.NDArray[np.uint8],
    bounds: Ints,
    policy: Policy,
    ages: Ages | None = None,
) -> Floats:
    """Taste vectors, float32 (users, dim).

    User i rated the items ``rows[bounds[i]:bounds[i + 1]]`` (row numbers of ``vectors``, float32
    (items, dim)) with ``classes`` alike; ``present`` (bool, as long as ``rows``) says which of them have a
    vector. The profile is the weighted sum over present items divided by the sum of absolute weights, and
    zero for a user without a present liked item. Under a half-life ``ages`` (as long as ``rows``, of
    :func:`ages_of`) must be there.
    """
    users, dim = len(bounds) - 1, vectors.shape[1]
    out = np.zeros((users, dim), dtype=np.float32)
    weights = class_weights(policy)[classes]
    used = present & (weights != 0)
    counts = count_per_user(used, bounds)
    counts[count_per_user(present & (classes == LIKED), bounds) == 0] = 0
    if not counts.any():
        return out
    owner = np.repeat(np.arange(users), np.diff(bounds))
    used &= counts[owner] > 0
    rows, weights = rows[used], weights[used]
    ends = np.cumsum(counts)
    starts = ends - counts
    if policy.half_life_days:
        assert ages is not None
        weights = weights * _decay(ages[used], counts, starts, policy.half_life_days)
    # every user's run is cut into chunks, each a row of the sparse matrix
    chunks = -(-counts // CHUNK)
    first = np.cumsum(chunks) - chunks
    within = np.arange(chunks.sum()) - np.repeat(first, chunks)
    indptr = np.append(np.repeat(starts, chunks) + within * CHUNK, len(rows))
    partial = csr_array((weights, rows, indptr), shape=(len(indptr) - 1, len(vectors))) @ vectors
    some = counts > 0
    absolute = np.add.reduceat(np.abs(weights).astype(np.float64), starts[some])
    if len(partial) == some.sum():
        total = partial.astype(np.float64)
    else:
        total = np.add.reduceat(partial, first[some], axis=0, dtype=np.float64)
    out[some] = total / absolute[:, None]
    return out


def _decay(ages: Ages, counts: Ints, starts: Ints, half_life_days: int) -> Floats:
    """float32 (n,): 1 for each user's newest of these ratings, or a sum of old ones alone might be zero."""
    some = counts > 0
    youngest = np.minimum.reduceat(ages, starts[some])
    older = (ages - np.repeat(youngest, counts[some])).astype(np.float64)
    out: Floats = np.exp2(-older / (half_life_days * DAY_S)).astype(np.float32)
    return out
