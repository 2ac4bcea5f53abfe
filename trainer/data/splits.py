"""Protocols: how ratings are parted into what may be learnt from, what is known, and what is tested. Pure.

Every split is a function of the ratings and a seed alone; a validation part is always cut from a
:class:`Fold`'s training ratings, so that nothing can be chosen on its test ratings. What cannot be parted
is a TrainingError; of ratings that know their file (:attr:`Ratings.source`) a DataError, which names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.data.columns import Ratings
from trainer.exceptions import DataError, TrainingError

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Fold:
    """One parting of ratings."""

    name: str
    train: Ratings
    """What a model may learn from."""
    test: Ratings
    """What is asked of it."""
    known: Ratings
    """What the system knows of its users when it is asked (never part of ``test``): mostly ``train``;
    with cold users also their first ratings, which no model learnt from."""
    cold_items: frozenset[str] = frozenset()
    """Items of which ``train`` has no rating by construction: the only candidates, where there are any."""


def take(ratings: Ratings, keep: Mask) -> Ratings:
    """The ratings where ``keep`` [n] holds, in their order."""
    return Ratings(
        ratings.user_ids[keep],
        ratings.item_ids[keep],
        ratings.values[keep],
        ratings.event_time_ms[keep],
        ratings.source,
    )


def join(first: Ratings, second: Ratings) -> Ratings:
    """Both, one after the other."""
    return Ratings(
        np.concatenate([first.user_ids, second.user_ids]),
        np.concatenate([first.item_ids, second.item_ids]),
        np.concatenate([first.values, second.values]),
        np.concatenate([first.event_time_ms, second.event_time_ms]),
        first.source if first.source == second.source else None,
    )


def _refused(ratings: Ratings, reason: str) -> TrainingError:
    """Why ``ratings`` cannot be parted, naming their file where it is known."""
    return TrainingError(reason) if ratings.source is None else DataError(ratings.source, reason)


def _fold(name: str, ratings: Ratings, test: Mask, cold: frozenset[str] = frozenset()) -> Fold:
    if not test.any():
        raise _refused(ratings, f"split {name}: the test part is empty")
    if test.all():
        raise _refused(ratings, f"split {name}: the training part is empty")
    train = take(ratings, ~test)
    return Fold(name, train, take(ratings, test), train, cold)


def fixed(name: str, train: Ratings, test: Ratings) -> Fold:
    """A parting that came as two tables, say u1.base and u1.test.

    Raises:
        TrainingError: if one is empty, or both hold a rating of the same user and item.
    """
    for part, ratings in (("training", train), ("test", test)):
        if not len(ratings):
            raise _refused(ratings, f"split {name}: the {part} part is empty")
    pairs = set(zip(train.user_ids, train.item_ids, strict=True))
    for row, pair in enumerate(zip(test.user_ids, test.item_ids, strict=True), 1):
        if pair in pairs:
            reason = f"split {name}: test row {row} (user {pair[0]}, item {pair[1]}) is in training too"
            raise _refused(test, reason)
    return Fold(name, train, test, train)


def random_holdout(ratings: Ratings, share: float, seed: int, name: str = "random") -> Fold:
    """Each rating is tested with probability ``share``.

    Raises:
        TrainingError: if a part is empty.
    """
    test = np.random.default_rng(seed).random(len(ratings)) < share
    return _fold(f"{name}-{seed}", ratings, test)


def temporal(ratings: Ratings, share: float) -> Fold:
    """Global: tested is what happened from one moment on, about ``share`` of all; equal times stay together.

    Raises:
        TrainingError: if a part is empty, say because all times are equal.
    """
    if not len(ratings):
        raise _refused(ratings, "split temporal: there are no ratings")
    times = np.sort(ratings.event_time_ms)
    cut = times[min(len(times) - 1, int(np.ceil(len(times) * (1 - share))))]
    return _fold("temporal", ratings, ratings.event_time_ms >= cut)


def leave_last(ratings: Ratings) -> Fold:
    """Each user's newest rating is tested (of equal times the last in order), if he has two at least.

    Raises:
        TrainingError: if nobody has two ratings.
    """
    _, user = np.unique(ratings.user_ids.astype(str), return_inverse=True)
    order = np.lexsort((np.arange(len(ratings)), ratings.event_time_ms, user))
    last = np.ones(len(ratings), dtype=bool)
    last[:-1] = user[order][1:] != user[order][:-1]
    test = np.zeros(len(ratings), dtype=bool)
    test[order] = last
    test &= np.bincount(user)[user] > 1
    return _fold("leave-last", ratings, test)


def _parts(
    ratings: Ratings, ids: npt.NDArray[np.object_], folds: int, seed: int
) -> tuple[npt.NDArray[np.int64], list[str]]:
    """(part 0..folds-1 of each rating, the ids in order): ids dealt out evenly, shuffled by ``seed``."""
    names, where = np.unique(ids.astype(str), return_inverse=True)
    if len(names) < folds:
        raise _refused(ratings, f"{folds} folds need at least {folds} ids, not {len(names)}")
    part = np.random.default_rng(seed).permutation(np.arange(len(names)) % folds)
    return part[where], names.tolist()


def cold_items(ratings: Ratings, folds: int = 5, seed: int = 0) -> Iterator[Fold]:
    """``folds`` times: all ratings of a part of the items are tested, and only those items are candidates.

    Raises:
        TrainingError: if there are fewer items than folds.
    """
    part, _ = _parts(ratings, ratings.item_ids, folds, seed)
    for number in range(folds):
        test = part == number
        cold = frozenset(ratings.item_ids[test].tolist())
        yield _fold(f"cold-items-{number + 1}", ratings, test, cold)


def cold_users(ratings: Ratings, folds: int = 5, seed: int = 0, shown: int = 5) -> Iterator[Fold]:
    """``folds`` times: nobody learns from a part of the users; their first ``shown`` ratings are known.

    Users with no more than ``shown`` ratings are not tested.

    Raises:
        TrainingError: if there are fewer users than folds, or nothing is left to test.
    """
    part, _ = _parts(ratings, ratings.user_ids, folds, seed)
    _, user = np.unique(ratings.user_ids.astype(str), return_inverse=True)
    order = np.lexsort((np.arange(len(ratings)), ratings.event_time_ms, user))
    starts = np.concatenate([[0], np.cumsum(np.bincount(user))[:-1]])
    position = np.empty(len(ratings), dtype=np.int64)
    position[order] = np.arange(len(ratings)) - starts[user[order]]
    for number in range(folds):
        cold = part == number
        test = cold & (position >= shown)
        if not test.any():
            raise _refused(ratings, f"split cold-users-{number + 1}: nobody has more than {shown} ratings")
        yield Fold(
            f"cold-users-{number + 1}", take(ratings, ~cold), take(ratings, test), take(ratings, ~test)
        )


def validation_cut(fold: Fold, share: float, seed: int) -> Fold:
    """A random hold-out of the fold's training ratings alone: what choices are made on.

    Raises:
        TrainingError: if a part is empty.
    """
    return random_holdout(fold.train, share, seed, f"{fold.name}/validation")


def with_few_ratings(fold: Fold, items: frozenset[str], count: int, seed: int) -> Fold:
    """The fold with ``count`` ratings of each of ``items`` in training, drawn by ``seed`` from those it has.

    Items with fewer stay as they are; only ``items`` are candidates. Drawn orders are nested: what is kept at
    a count is kept at every larger one.
    """
    train = fold.train
    drawn = np.random.default_rng(seed).permutation(len(train))
    scarce = np.isin(train.item_ids.astype(str), sorted(items))
    _, item = np.unique(train.item_ids.astype(str), return_inverse=True)
    order = np.lexsort((drawn, item))
    starts = np.concatenate([[0], np.cumsum(np.bincount(item))[:-1]])
    position = np.empty(len(train), dtype=np.int64)
    position[order] = np.arange(len(train)) - starts[item[order]]
    kept = take(train, ~scarce | (position < count))
    return Fold(f"{fold.name}/with-{count}", kept, fold.test, kept, items)
