"""A linear probe: how much of posters' genres can be read off frozen features by one linear map. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import average_precision_score

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

PENALTIES = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""From strong to weak: each regression starts from the one before."""
SHARES = (0.6, 0.2, 0.2)
STEPS = 40


@dataclass(frozen=True)
class Parts:
    """Which posters a probe learns from, chooses its penalty by, and is scored on."""

    train: Bools
    validation: Bools
    test: Bools


@dataclass(frozen=True)
class Probed:
    """Mean average precision on the test part, and each genre's."""

    map: float
    each: dict[str, float]
    penalty: float
    scores: Float32
    """[test posters, genres], comparable within a genre only"""


def split_films(films: Sequence[str], seed: int) -> Parts:
    """60, 20 and 20% by a hash of (seed, film): a film is on one side, whatever the others are."""
    marks = np.array(
        [
            int.from_bytes(hashlib.sha256(f"probe|{seed}|{film}".encode()).digest()[:8], "big") / 2**64
            for film in films
        ]
    )
    first, second = SHARES[0], SHARES[0] + SHARES[1]
    return Parts(marks < first, (marks >= first) & (marks < second), marks >= second)


def average_precision(scores: Float32, labels: Bools, genres: Sequence[str]) -> dict[str, float]:
    """Of each genre that occurs among ``labels``; both are [posters, genres]."""
    return {
        genre: float(average_precision_score(labels[:, g], scores[:, g]))
        for g, genre in enumerate(genres)
        if labels[:, g].any()
    }


def majority(labels: Bools, parts: Parts, genres: Sequence[str]) -> Probed:
    """What the same answer for every poster gets: each genre's share."""
    scores = np.zeros((int(parts.test.sum()), len(genres)), dtype=np.float32)
    each = average_precision(scores, labels[parts.test], genres)
    return Probed(float(np.mean(list(each.values()))), each, 0.0, scores)


def probe(features: Float32, labels: Bools, parts: Parts, genres: Sequence[str]) -> Probed:
    """Logistic regressions from ``features`` [posters, width], the penalty chosen on the validation part.

    Features are standardised by the training part; the test part is looked at once.
    """
    mean, deviation = features[parts.train].mean(axis=0), features[parts.train].std(axis=0)
    scaled = (features - mean) / np.maximum(deviation, 1e-6)
    best, chosen, scores = -1.0, PENALTIES[0], np.zeros(labels.shape, dtype=np.float32)
    start = torch.zeros(features.shape[1] + 1, len(genres))
    for penalty in PENALTIES:
        found, start = _regress(scaled, labels, parts.train, penalty, start)
        each = average_precision(found[parts.validation], labels[parts.validation], genres)
        score = float(np.mean(list(each.values())))
        if score > best:
            best, chosen, scores = score, penalty, found
    tested = scores[parts.test]
    each = average_precision(tested, labels[parts.test], genres)
    return Probed(float(np.mean(list(each.values()))), each, chosen, tested)


def _regress(
    features: Float32, labels: Bools, train: Bools, penalty: float, start: torch.Tensor
) -> tuple[Float32, torch.Tensor]:
    """Regressions that minimise mean loss + ``penalty`` / 2 x squared weights, begun at ``start``.

    Scores float32 [posters, genres], and weights [width + 1, genres], the biases last.
    """
    x = torch.from_numpy(features[train].astype(np.float32))
    y = torch.from_numpy(labels[train].astype(np.float32))
    weights = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([weights], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = x @ weights[:-1] + weights[-1]
        each = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="none")
        loss = each.mean(dim=0).sum() + penalty / 2 * weights[:-1].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    found = weights.detach()
    scores: Float32 = (torch.from_numpy(features.astype(np.float32)) @ found[:-1] + found[-1]).numpy()
    return scores, found
