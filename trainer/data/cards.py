"""Data cards: what a data set holds, how dense and how skewed it is, and what it lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from streaming.events import Item
from trainer.data.catalogue import load_items
from trainer.data.columns import FALLBACK_TIME_MS, Ratings
from trainer.data.layouts import detect_layout
from trainer.data.ratings import all_ratings
from trainer.exceptions import DataError


def describe(path: Path) -> dict[str, Any]:
    """The card of the data at ``path`` (a folder of a known layout, or a file of ratings in one).

    Raises:
        DataError: naming file and row, if the data are bad or empty.
    """
    items = list(load_items(path))
    if not items:
        raise DataError(path, "holds no films")
    return {"layout": str(detect_layout(path)), **card(all_ratings(path), items)}


def card(ratings: Ratings, items: Sequence[Item]) -> dict[str, Any]:
    """Figures of ratings and films. Pure."""
    known = {item.item_id for item in items}
    rated, counts = np.unique(ratings.item_ids.astype(str), return_counts=True)
    _, per_user = np.unique(ratings.user_ids.astype(str), return_counts=True)
    pairs = len(set(zip(ratings.user_ids, ratings.item_ids, strict=True)))
    values, value_counts = np.unique(ratings.values, return_counts=True)
    genres = Counter(genre for item in items for genre in item.genres)
    cells = len(per_user) * len(items)
    return {
        "ratings": len(ratings),
        "users": len(per_user),
        "films": len(items),
        "density": round(len(ratings) / cells, 6),
        "rated_again": len(ratings) - pairs,
        "ratings_of_unknown_films": int((~np.isin(ratings.item_ids.astype(str), sorted(known))).sum()),
        "films_without_ratings": len(known - set(rated.tolist())),
        "ratings_per_user": spread(per_user),
        "ratings_per_rated_film": spread(counts),
        "share_of_ratings_of_top_tenth_of_films": round(
            float(np.sort(counts)[::-1][: max(1, len(counts) // 10)].sum() / counts.sum()), 4
        ),
        "values": {f"{v:g}": int(n) for v, n in zip(values, value_counts, strict=True)},
        "liked_share": round(float((ratings.values >= 4).mean()), 4),
        "times": _times(ratings.event_time_ms),
        "films_with": {
            "text": sum(bool(item.text) for item in items),
            "year": sum(item.year is not None for item in items),
            "genres": sum(bool(item.genres) for item in items),
            "people": sum(bool(item.directors or item.cast) for item in items),
            "poster_url": sum(bool(item.poster_url) for item in items),
        },
        "genres": dict(genres.most_common()),
    }


def spread(counts: Sequence[float] | npt.NDArray[np.int64]) -> dict[str, float]:
    """Quantiles of at least one number, to a hundredth."""
    quantiles = np.quantile(np.asarray(counts, dtype=np.float64), [0, 0.1, 0.5, 0.9, 1])
    names = ("least", "p10", "median", "p90", "most")
    return {name: round(float(value), 2) for name, value in zip(names, quantiles, strict=True)}


def _times(times: npt.NDArray[np.int64]) -> dict[str, Any]:
    # a rating without a time has one made up from its row; it says nothing
    real = times[(times < FALLBACK_TIME_MS) | (times > FALLBACK_TIME_MS + len(times))]
    if not len(real):
        return {"known": 0}
    first, last = (
        datetime.fromtimestamp(t / 1000, tz=UTC).date().isoformat() for t in (real.min(), real.max())
    )
    return {"known": len(real), "first": first, "last": last}


def markdown(name: str, figures: dict[str, Any]) -> str:
    """The card as a table for people; what there is nothing of stands in one line."""
    lines = [f"# {name}", "", "| | |", "|---|---|"]
    none = [key.replace("_", " ") for key, value in figures.items() if value in (0, "", {})]
    for key, value in figures.items():
        if value not in (0, "", {}):
            lines.append(f"| {key.replace('_', ' ')} | {_cell(value)} |")
    if none:
        lines.append(f"| none | {', '.join(none)} |")
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{k} ({_cell(v)})" if isinstance(v, dict) else f"{k} {v}" for k, v in value.items())
