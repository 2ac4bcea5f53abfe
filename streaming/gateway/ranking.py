"""Choosing and explaining: maximal marginal relevance, and exact shares of what a user likes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

NAMED = 3
"""Reasons that are named; the rest is one share."""


def mmr(scores: Floats, vectors: Vectors, k: int, diversity: float) -> list[int]:
    """Positions of ``k`` candidates by maximal marginal relevance (Carbonell and Goldstein, 1998).

    Args:
        scores: (n,), best first; scaled to 0..1 over the candidates before they are weighed.
        vectors: (n, dim); two candidates are as alike as the cosine of theirs.
        diversity: 0 keeps the order of the scores, 1 looks at nothing but unlikeness.

    Returns:
        min(k, n) distinct positions; the first is always 0.
    """
    n = len(scores)
    if n == 0 or k <= 0:
        return []
    if diversity <= 0:
        return list(range(min(k, n)))
    span = float(scores.max() - scores.min())
    relevance = (scores - scores.min()) / span if span > 0 else np.ones(n)
    unit = vectors.astype(np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    chosen = [0]
    alike = unit @ unit[0]
    open_ = np.ones(n, dtype=bool)
    open_[0] = False
    while len(chosen) < min(k, n):
        value = np.where(open_, (1 - diversity) * relevance - diversity * alike, -np.inf)
        best = int(value.argmax())
        chosen.append(best)
        open_[best] = False
        alike = np.maximum(alike, unit @ unit[best])
    return chosen


def likeness(products: npt.NDArray[Any], lengths: npt.NDArray[Any], length: float) -> npt.NDArray[Any]:
    """How well films of ``lengths`` (n,) fit a searcher's vector of ``length``: their cosine x sqrt(length).

    Length says how broadly a film appeals. Under the inner product (``products`` (n,)) broad films hide the
    one that was meant; under the cosine films that hardly anybody knows do. docs/lookup.md has the figures.
    """
    found: npt.NDArray[Any] = products / np.maximum(np.sqrt(lengths) * length, 1e-12)
    return found


@dataclass(frozen=True)
class Reasons:
    """Why an item has its score: ``named`` are (position among the rated items, share), largest first."""

    named: tuple[tuple[int, float], ...]
    rest: float
    """The sum of the shares of all other rated items."""

    @property
    def total(self) -> float:
        """The score, recomputed from its shares."""
        return sum(share for _, share in self.named) + self.rest


def explain(weights: Floats, rated: Vectors, candidates: Vectors, named: int = NAMED) -> list[Reasons]:
    """What each rated item contributes to the score of each candidate.

    The score of j is <profile, v_j> with profile = sum_i w_i v_i / sum_i |w_i|, and so the sum over i
    of w_i <v_i, v_j> / sum |w|: each term is item i's share.

    Args:
        weights: (n,) of the rated items that have a vector.
        rated: (n, dim) their vectors.
        candidates: (m, dim).
    """
    total = float(np.abs(weights).sum())
    if total == 0:
        return [Reasons((), 0.0) for _ in candidates]
    rated64, candidates64 = rated.astype(np.float64), candidates.astype(np.float64)
    shares = (weights / total)[:, None] * (rated64 @ candidates64.T)
    reasons = []
    for column in shares.T:
        order = np.argsort(-column, kind="stable")
        # an item that counts nothing is no reason
        top = [int(i) for i in order[:named] if weights[i] != 0]
        rest = float(np.delete(column, top).sum())
        reasons.append(Reasons(tuple((i, float(column[i])) for i in top), rest))
    return reasons
