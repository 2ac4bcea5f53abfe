"""The figures of a group of rows as points with intervals: what its picture shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.evaluation.page import BASELINES, KINDS, KINDS_OF_FEW, Result
from trainer.evaluation.statistics import Interval, over_folds

INTERVAL = re.compile(r"(-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\]")


@dataclass(frozen=True)
class Point:
    """A figure; ``low`` and ``high`` are ``None`` where no interval was made."""

    label: str
    mean: float
    low: float | None = None
    high: float | None = None


def unit_of(results: Sequence[Result]) -> str:
    """What the points of a group are measured in."""
    if not results:
        return ""
    if "map" in results[0]:
        return "mAP, percent"
    return "RMSE and MAE, stars" if "rmse" in results[0] else "NDCG@10"


def points_of(results: Sequence[Result]) -> list[Point]:
    """The points of a group's results in the order of the page; none where nothing has run.

    Raises:
        ValueError: if a row's text is no interval.
    """
    return list(_points(results)) if results else []


def _points(results: Sequence[Result]) -> Iterator[Point]:
    first = results[0]
    if "search" in first:
        for queries, one in first["search"].items():
            for name, text in one["ndcg@10"].items():
                yield _parsed(f"{name}, {queries}", text)
    elif "map" in first:
        for name, text in first["map"].items():
            yield _parsed(name, text)
    elif "rmse" in first:
        for measure in ("rmse", "mae"):
            for name, one in first[measure].items():
                yield Point(f"{measure.upper()} {name}", one["mean"], one["low"], one["high"])
    elif "plain" in first["ndcg@10"]:
        yield from _lists(results)
    elif "against_whole" in first:
        for name, mean in first["ndcg@10"].items():
            yield Point(name, mean)
    elif "folds" in first:
        for name, folds in first["folds"].items():
            yield _point(name, over_folds(np.array(folds)))
    else:
        for count, one in sorted(first["ndcg@10"].items(), key=lambda entry: int(entry[0])):
            for kind in KINDS_OF_FEW:
                yield Point(f"{kind}, {count} ratings", one[kind])


def _lists(results: Sequence[Result]) -> Iterator[Point]:
    values: dict[str, list[float]] = {kind: [one["ndcg@10"][kind] for one in results] for kind in KINDS}
    values |= {name: [one["baselines"][name] for one in results] for name in BASELINES}
    intervals: dict[str, Any] = results[0]["intervals"]["ndcg@10"]
    for name, means in values.items():
        if len(means) > 1:
            yield _point(name, over_folds(np.array(means)))
        elif name in intervals:
            yield Point(name, means[0], *intervals[name])
        else:
            yield Point(name, means[0])


def _point(label: str, interval: Interval) -> Point:
    if not np.isfinite(interval.low):
        return Point(label, interval.mean)
    return Point(label, interval.mean, interval.low, interval.high)


def _parsed(label: str, text: str) -> Point:
    found = INTERVAL.fullmatch(text)
    if found is None:
        raise ValueError(f"{label}: {text!r} is no mean with an interval")
    mean, low, high = map(float, found.groups())
    return Point(label, mean, low, high)
