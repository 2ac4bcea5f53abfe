"""Whose taste is shown, and which other one he takes up: chosen from the data, the same every time. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streaming.events import Item
from trainer.data import Ratings

LIKED = 4.0
FEW, MANY = 8, 20
"""Likes of the user that is shown: enough for a taste, few enough for five more to change it."""
NEW_LIKES = 5
TOP = 10
GENRES = (
    *("Action", "Adventure", "Animation", "Children", "Crime", "Documentary", "Fantasy", "Horror"),
    *("Musical", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""Tastes to take up; Drama and Comedy are in every list anyway."""

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Taste:
    """A user of the data, what he rated and likes, and five films of a genre that he has none of."""

    user_id: str
    rated: dict[str, float]
    main_genre: str
    new_genre: str
    new_films: tuple[str, ...]


@dataclass(frozen=True)
class Likes:
    """Likes of the data: user -> films, film -> how many."""

    of_user: dict[str, list[str]]
    rated: dict[str, dict[str, float]]
    counts: Counter[str]


def likes_of(ratings: Ratings) -> Likes:
    """The likes in a table of ratings."""
    of_user: dict[str, list[str]] = {}
    rated: dict[str, dict[str, float]] = {}
    counts: Counter[str] = Counter()
    columns = (ratings.user_ids.tolist(), ratings.item_ids.tolist(), ratings.values.tolist())
    for user_id, item_id, value in zip(*columns, strict=True):
        rated.setdefault(user_id, {})[item_id] = value
        if value >= LIKED:
            of_user.setdefault(user_id, []).append(item_id)
            counts[item_id] += 1
    return Likes(of_user, rated, counts)


def choose(likes: Likes, films: Mapping[str, Item], vectors: Mapping[str, Vector]) -> Taste:
    """The user and the genre that he likes nothing of, whose five best films change his list the most.

    Chosen by the plain mean of liked vectors and inner products over all ``vectors``, so that whatever
    model serves, the example is its clearest one.

    Raises:
        ValueError: no user of the data fits.
    """
    ids = list(vectors)
    matrix = np.stack([vectors[item] for item in ids])
    of_genre = {g: np.array([i in films and g in films[i].genres for i in ids]) for g in GENRES}
    best: tuple[float, float, str, Taste] | None = None
    for user_id, liked in sorted(likes.of_user.items()):
        if not FEW <= len(liked) <= MANY or not all(item in vectors for item in liked):
            continue
        genres = Counter(genre for item in liked for genre in films[item].genres)
        rated = likes.rated[user_id]
        before = _top(matrix, ids, [vectors[i] for i in liked], rated)
        for genre in GENRES:
            new = [i for i in most_liked(likes, films, genre, rated) if i in vectors][:NEW_LIKES]
            if genre in genres or len(new) < NEW_LIKES:
                continue
            after = _top(matrix, ids, [vectors[i] for i in (*liked, *new)], [*rated, *new])
            share_before, share_after = of_genre[genre][before].mean(), of_genre[genre][after].mean()
            main = max(genres, key=lambda name: (genres[name], name))
            taste = Taste(user_id, dict(rated), main, genre, tuple(new))
            found = (float(share_after - share_before), float(-share_before), f"{user_id} {genre}", taste)
            if best is None or found[:3] > best[:3]:
                best = found
    if best is None:
        raise ValueError("no user of the data has a taste to show")
    return best[3]


def _top(matrix: Vector, ids: Sequence[str], liked: Sequence[Vector], hidden: Collection[str]) -> list[int]:
    """Places of the best films for the mean of ``liked``, without ``hidden``."""
    scores = matrix @ np.mean(liked, axis=0)
    order = np.argpartition(-scores, TOP + len(hidden))[: TOP + len(hidden)]
    ranked = order[np.argsort(-scores[order], kind="stable")]
    return [row for row in ranked.tolist() if ids[row] not in hidden][:TOP]


def most_liked(likes: Likes, films: Mapping[str, Item], genre: str, but: Mapping[str, object]) -> list[str]:
    """Films of a genre, most liked first, without those in ``but``."""
    return [
        i for i, _ in likes.counts.most_common() if i in films and genre in films[i].genres and i not in but
    ]


def share(answer_genres: Sequence[Sequence[str]], genre: str) -> float:
    """Which part of the answered films is of ``genre``."""
    return sum(genre in genres for genres in answer_genres) / len(answer_genres) if answer_genres else 0.0
