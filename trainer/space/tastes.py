"""Films with few ratings: what content says of them, moved towards the tastes of those who liked them. Pure.

A collaborative vector of few ratings is short, for the shrinkage takes few ratings for little appeal. Mixed
into content it makes a film of ten ratings shorter than one of none, and so ranks it lower. Here ratings
only turn the vector: Rocchio's feedback (The SMART Retrieval System, 1971, chapter 14) with users in the
place of documents, centred, so that to be liked by the average user changes nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Float64 = npt.NDArray[np.float64]
HALF = 30.0
"""Likes at which half of the turn is reached: a few people's tastes are mostly chance, so that each like
adds about as much as the one before. With 1 the first like counted half, and three turned films wrongly."""


def taste_turn(content: Float64, liked: sp.csr_matrix, profiles: Float64) -> Float64:
    """[items, dim], to be added to content: n / (n + 30) |content| (mean of n likers' profiles - of all) / s.

    ``content`` [items, dim]; ``liked`` [users, items]; ``profiles`` [users, dim], zero for users without one,
    who say nothing; s is the root mean square distance of profiles from their mean. Zero for items that
    nobody likes.
    """
    known = np.linalg.norm(profiles, axis=1) > 0
    if not known.any():
        return np.zeros_like(content)
    centred = np.where(known[:, None], profiles - profiles[known].mean(axis=0), 0.0)
    spread = np.sqrt(np.square(centred[known]).sum(axis=1).mean())
    if not spread:
        return np.zeros_like(content)
    likers = sp.csr_matrix(liked.multiply(known[:, None]))
    n = np.asarray(likers.sum(axis=0)).ravel()[:, None]
    means = np.asarray(likers.T @ centred) / np.maximum(n, 1)
    lengths = np.linalg.norm(content, axis=1, keepdims=True)
    out: Float64 = n / (n + HALF) * lengths * means / spread
    return out
