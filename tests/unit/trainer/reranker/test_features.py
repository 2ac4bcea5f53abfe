"""The contract, recomputed here in plain Python from its table, and the fixture for other implementations."""

from __future__ import annotations

import json
import math
from statistics import fmean, pstdev

import numpy as np
import pytest

from streaming.milvus.seen import DISLIKED, LIKED, NEUTRAL
from trainer.reranker.features import CONTRACT, NAMES, features, item_side
from trainer.reranker.parity import FILE, compute

FIXTURE = json.loads(FILE.read_bytes())


def by_hand(catalogue: dict, case: dict) -> list[list[float]]:
    """Loops over the words of the table in trainer/reranker/features.py."""
    v, genres, years, likes = (catalogue[k] for k in ("vectors", "genres", "years", "likes"))

    def dot(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    def length(a: list[float]) -> float:
        return math.sqrt(dot(a, a))

    def shares(i: int) -> list[float]:
        n = sum(genres[i])
        return [g / n if n else 0.0 for g in genres[i]]

    def mean_shares(rows: list[int]) -> list[float]:
        return [fmean(shares(i)[g] for i in rows) if rows else 0.0 for g in range(len(genres[0]))]

    def z(x: list[float]) -> list[float]:
        return [(a - fmean(x)) / (pstdev(x) + 1e-6) for a in x]

    rows = {
        code: [i for i, k in zip(case["rated"], case["classes"], strict=True) if k == code]
        for code in (1, 2, 3)
    }
    liked, neutral, disliked = rows[LIKED], rows[NEUTRAL], rows[DISLIKED]
    cs = case["candidates"]
    sums = {code: [sum(dot(v[i], v[c]) for i in rows[code]) for c in cs] for code in rows}
    plus = {code: [sum(max(dot(v[i], v[c]), 0) for i in rows[code]) for c in cs] for code in rows}
    score = [s / max(len(liked), 1) for s in sums[LIKED]]
    cosines = [
        sorted((dot(v[i], v[c]) / length(v[i]) / length(v[c]) for i in liked), reverse=True) for c in cs
    ]
    odds = [sum(likes[i] * shares(i)[g] for i in range(len(v))) / sum(likes) for g in range(len(genres[0]))]
    theirs, n = mean_shares(liked), len(liked)
    lift = [
        math.log((s * n + 5 * q) / ((n + 5) * q)) if q else 0.0 for s, q in zip(theirs, odds, strict=True)
    ]
    unlike = (
        [d - s for d, s in zip(mean_shares(disliked), theirs, strict=True)]
        if liked and disliked
        else [0.0] * len(odds)
    )
    known_years = [years[i] for i in liked if years[i]]
    zero = [0.0] * len(cs)
    columns = {
        "z_score": z(score),
        "z_ease": z([s / (1 - min(length(v[c]) ** 2, 0.95)) for s, c in zip(score, cs, strict=True)]),
        "z_ease_rated": z(
            [
                (a + b / 2 + e / 2) / (1 - min(length(v[c]) ** 2, 0.95))
                for a, b, e, c in zip(sums[1], sums[2], sums[3], cs, strict=True)
            ]
        ),
        "z_cosine": z([s / max(length(v[c]), 1e-6) for s, c in zip(score, cs, strict=True)]),
        "z_neutral": z(sums[NEUTRAL]) if neutral else zero,
        "z_disliked": z(sums[DISLIKED]) if disliked else zero,
        "z_all": z([sum(parts) for parts in zip(*sums.values(), strict=True)]),
        "z_weighted": z([a + b / 2 - e / 2 for a, b, e in zip(sums[1], sums[2], sums[3], strict=True)]),
        "z_nearest": z([max(dot(v[i], v[c]) for i in liked) for c in cs]) if liked else zero,
        "liked_share": [(a + 0.001) / (a + b + e + 0.002) for a, b, e in zip(*plus.values(), strict=True)],
        "disliked_share": [e / (a + b + e + 0.002) for a, b, e in zip(*plus.values(), strict=True)],
        "nearest": [x[0] if x else 0.0 for x in cosines],
        "nearest_3": [fmean(x[:3]) if x else 0.0 for x in cosines],
        "nearest_10": [fmean(x[:10]) if x else 0.0 for x in cosines],
        "log_sum": [math.log1p(max(s, 0)) for s in sums[LIKED]],
        "length": [length(v[c]) for c in cs],
        "popularity": [math.log1p(likes[c]) - math.log1p(fmean(likes)) for c in cs],
        "genre_share": [dot(genres[c], lift) for c in cs],
        "genre_dislike": [dot(genres[c], unlike) / max(sum(genres[c]), 1) for c in cs],
        "genre_cosine": [
            dot(shares(c), theirs) / (length(shares(c)) * length(theirs))
            if any(genres[c]) and any(theirs)
            else 0.0
            for c in cs
        ],
        "year": [(years[c] - 1980) / 20 if years[c] else 0.0 for c in cs],
        "year_distance": [
            abs(years[c] - fmean(known_years)) / (pstdev(known_years) + 3)
            if years[c] and known_years
            else 0.0
            for c in cs
        ],
        "year_density": [
            fmean(math.exp(-(((years[c] - y) / 5) ** 2)) for y in known_years)
            if years[c] and known_years
            else 0.0
            for c in cs
        ],
        "liked_count": [math.log1p(len(liked))] * len(cs),
        "rated_count": [math.log1p(len(case["rated"]))] * len(cs),
    }
    return [[columns[name][i] for name in NAMES] for i in range(len(cs))]


@pytest.mark.parametrize("case", FIXTURE["cases"], ids=lambda case: case["name"])
def test_features_are_what_the_table_says(case: dict) -> None:
    np.testing.assert_allclose(
        compute(case, FIXTURE["catalogue"]), by_hand(FIXTURE["catalogue"], case), atol=1e-4
    )


@pytest.mark.parametrize("case", FIXTURE["cases"], ids=lambda case: case["name"])
def test_the_fixture_holds(case: dict) -> None:
    np.testing.assert_allclose(compute(case, FIXTURE["catalogue"]), case["features"], atol=1e-4)


def test_the_fixture_is_of_this_contract() -> None:
    assert (FIXTURE["contract"], tuple(FIXTURE["columns"])) == (CONTRACT, NAMES)


def test_the_order_of_what_was_rated_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    side = item_side(
        rng.normal(size=(30, 6)).astype(np.float32),
        rng.random((30, 3)) < 0.5,
        rng.integers(1950, 2000, 30).astype(np.float32),
        rng.integers(0, 9, 30),
    )
    rated, classes = np.arange(12), rng.integers(1, 4, 12).astype(np.uint8)
    order = rng.permutation(12)
    a = features(side, rated, classes, np.arange(12, 30))
    b = features(side, rated[order], classes[order], np.arange(12, 30))
    np.testing.assert_allclose(a, b, atol=1e-4)
    assert np.isfinite(a).all()
