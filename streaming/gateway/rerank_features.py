"""The features of the re-ranker: THE contract between training and serving. Pure, float32.

What is re-ranked are the candidates of one lookup, in first-stage order, unseen by the user. Everything a
feature needs is at hand where lookups are answered: vectors, genres, years and like counts of films, and
the weight classes of what the user rated (as :mod:`streaming.milvus.seen` decodes them). Rated items that
have no vector are left out before. Training imports this very code (``trainer/reranker/features.py``), so
what a model learnt from is what it is served.

Notation: C [m, d] candidate vectors; L, N, D [., d] vectors of what the user liked, rated neutrally, and
disliked; p = mean of L, the profile; <,> inner product; z(x) = (x - mean x) / (deviation x + 1e-6) over the m
candidates, where the deviation divides by m; an empty sum or mean is 0. Columns, in this order:

=================== ====================================================================================
z_score             z(<p, c>): the first-stage score under the ``mean`` policy, whatever the space's policy
z_ease              z(<p, c> / (1 - min(|c|^2, 0.95))): EASE's score, where vectors are the whole spectrum
z_ease_rated        z((sum over L + half the sums over N and D) / (1 - min(|c|^2, 0.95))): EASE's score with
                    all that was rated as history
z_cosine            z(<p, c> / max(|c|, 1e-6))
z_neutral           z(sum over N of <n, c>); 0 if N is empty
z_disliked          z(sum over D of <d, c>); 0 if D is empty
z_all               z(sum over L, N and D of <i, c>)
z_weighted          z(sum over L - half the sum over D + half the sum over N)
z_nearest           z(max over L of <l, c>); 0 if L is empty
liked_share         (a + 0.001) / (a + b + e + 0.002), a = sum over L of max(<l, c>, 0), b over N, e over D
disliked_share      e / (a + b + e + 0.002)
nearest             largest cosine of c with any of L; 0 if L is empty
nearest_3           mean of the three largest cosines with L (of fewer where there are fewer)
nearest_10          mean of the ten largest
log_sum             log(1 + max(sum over L of <l, c>, 0))
length              |c|
popularity          log(1 + likes of c) - log(1 + mean likes of all items of the catalogue)
genre_share         sum over the genres g of c of log((s_g n + 5 q_g) / ((n + 5) q_g)), n = number of L: how
                    much likelier the user is than everybody to like the genre; s_g = mean over L of the
                    item's share of g (1 / its number of genres), q_g = the same over all items, weighted
                    by their likes; genres with q_g = 0 are left out
genre_dislike       mean over the genres of c of (share of D - share of L), shares as s_g; 0 if D or L empty
genre_cosine        cosine of c's genre shares with s; 0 where either is zero
year                (year of c - 1980) / 20; 0 where unknown, as in the next two
year_distance       |year of c - mean year of L| / (deviation of the years of L + 3); 0 if L has no years
year_density        mean over L of exp(-((year of c - year of l) / 5)^2); 0 if L has no years
liked_count         log(1 + number of L)
rated_count         log(1 + number of L, N and D)
=================== ====================================================================================

All sums run over float32 inner products; tests compare with a tolerance of 1e-4.
``trainer/reranker/parity.json`` holds inputs and outputs for whoever implements this another time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

CONTRACT = 1
"""Raised by any change of a column; a model says which one it was trained with."""

NAMES = (
    "z_score",
    "z_ease",
    "z_ease_rated",
    "z_cosine",
    "z_neutral",
    "z_disliked",
    "z_all",
    "z_weighted",
    "z_nearest",
    "liked_share",
    "disliked_share",
    "nearest",
    "nearest_3",
    "nearest_10",
    "log_sum",
    "length",
    "popularity",
    "genre_share",
    "genre_dislike",
    "genre_cosine",
    "year",
    "year_distance",
    "year_density",
    "liked_count",
    "rated_count",
)
CANDIDATES = 200
"""How many the first stage hands over."""


def _z(x: Float32) -> Float32:
    out: Float32 = (x - x.mean()) / (x.std() + np.float32(1e-6))
    return out


def _positive(x: Float32) -> Float32:
    out: Float32 = np.maximum(x, 0).sum(axis=1)
    return out


def _top_mean(ordered: Float32, n: int) -> Float32:
    """Mean of the first n columns of ``ordered`` [m, columns > 0]."""
    out: Float32 = ordered[:, :n].mean(axis=1)
    return out


@dataclass(frozen=True)
class Films:
    """What is known of n films, one row each."""

    vectors: Float32
    """[n, d]."""
    lengths: Float32
    """[n]: |v|."""
    shares: Float32
    """[n, genres]: 1 / number of the film's genres where it has the genre, else 0."""
    years: Float32
    """[n]; 0 is unknown."""

    def __len__(self) -> int:
        return len(self.lengths)


def features(
    candidates: Films,
    popularity: Float32,
    liked: Films,
    neutral: Films,
    disliked: Films,
    genre_odds: Float32,
) -> Float32:
    """[m, len(NAMES)]: the features of m candidates, z-scores over these candidates.

    Args:
        popularity: [m], the column of that name.
        genre_odds: [genres], q_g; genres that neither a candidate nor a rated film has may be missing
            from it, and from all ``shares`` alike.
    """
    length, m = candidates.lengths, len(candidates)
    zero = np.zeros(m, dtype=np.float32)
    by_l, by_n, by_d = (candidates.vectors @ films.vectors.T for films in (liked, neutral, disliked))
    sum_l, sum_n, sum_d = by_l.sum(axis=1), by_n.sum(axis=1), by_d.sum(axis=1)
    score = sum_l / np.float32(max(len(liked), 1))
    a, b, e = _positive(by_l), _positive(by_n), _positive(by_d)
    room = 1 - np.minimum(length * length, 0.95)
    cosine_score = score / np.maximum(length, 1e-6)
    nearest = nearest_3 = nearest_10 = z_nearest = zero
    if len(liked):
        scaled = by_l / np.maximum(liked.lengths, 1e-6)[None]
        few = min(10, len(liked))
        # the ten largest in falling order; a partition first, for users with many likes. A candidate's own
        # length changes none of its order
        largest = np.partition(scaled, len(liked) - few, axis=1)[:, len(liked) - few :]
        ordered: Float32 = (-np.sort(-largest, axis=1) / np.maximum(length, 1e-6)[:, None]).astype(np.float32)
        nearest, nearest_3, nearest_10 = ordered[:, 0], _top_mean(ordered, 3), _top_mean(ordered, 10)
        z_nearest = _z(by_l.max(axis=1))
    columns = (
        _z(score),
        _z(score / room),
        _z((sum_l + 0.5 * sum_n + 0.5 * sum_d) / room),
        _z(cosine_score),
        _z(sum_n) if len(neutral) else zero,
        _z(sum_d) if len(disliked) else zero,
        _z(sum_l + sum_n + sum_d),
        _z(sum_l + 0.5 * sum_n - 0.5 * sum_d),
        z_nearest,
        (a + 0.001) / (a + b + e + 0.002),
        e / (a + b + e + 0.002),
        nearest,
        nearest_3,
        nearest_10,
        np.log1p(np.maximum(sum_l, 0)),
        length,
        popularity,
        *_genres(candidates, liked, disliked, genre_odds),
        *_years(candidates.years, liked.years),
        np.full(m, np.log1p(len(liked))),
        np.full(m, np.log1p(len(liked) + len(neutral) + len(disliked))),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _genres(
    candidates: Films, liked: Films, disliked: Films, odds: Float32
) -> tuple[Float32, Float32, Float32]:
    theirs = candidates.shares
    has = (theirs > 0).astype(np.float32)
    nothing = np.zeros(len(odds), dtype=np.float32)
    likes = liked.shares.mean(axis=0) if len(liked) else nothing
    n = np.float32(len(liked))
    lift = np.zeros_like(nothing)
    some = odds > 0
    lift[some] = np.log((likes[some] * n + 5 * odds[some]) / ((n + 5) * odds[some]))
    unlike = disliked.shares.mean(axis=0) - likes if len(liked) and len(disliked) else nothing
    number = np.maximum(has.sum(axis=1), 1)
    lengths = np.linalg.norm(theirs, axis=1) * np.linalg.norm(likes)
    dots = theirs @ likes
    cosine = np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
    return has @ lift, (has @ unlike) / number, cosine


def _years(theirs: Float32, liked: Float32) -> tuple[Float32, Float32, Float32]:
    known = theirs > 0
    zero = np.zeros(len(theirs), dtype=np.float32)
    year = np.where(known, (theirs - 1980) / 20, 0).astype(np.float32)
    liked = liked[liked > 0]
    if not len(liked):
        return year, zero, zero
    distance = np.abs(theirs - liked.mean()) / (liked.std() + 3)
    # users with many likes have few different years
    years, counts = np.unique(liked, return_counts=True)
    density = np.exp(-np.square((theirs[:, None] - years[None]) / 5)) @ counts / len(liked)
    return year, np.where(known, distance, zero), np.where(known, density, zero)
