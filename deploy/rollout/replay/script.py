"""Who comes when, and what he rates afterwards. Pure, but for reading a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from streaming.exceptions import ConfigurationError
from trainer.data import Ratings, all_ratings, resolve

LIKED = 4.0
LONGEST_GAP = 0.99
"""Gaps above this quantile are cut to it: nobody waits a night for the next visitor."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One lookup, ``at`` seconds after the beginning, and the rating that follows it, if any.

    Recordings are files of these, one JSON object a line: ``{"at": 0.4, "user_id": "u1", "item_id":
    "ml:296", "value": 4.5}``; the last two may be left out.
    """

    at: float
    user_id: str
    item_id: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Script:
    """Visits in order of time; ``likes``: user -> films that he likes at some time."""

    visits: Sequence[Visit]
    likes: Mapping[str, frozenset[str]]

    def timed(
        self, rate: float, seconds: float, skip: int = 0, prefix: str = "", *, even: bool = False
    ) -> list[Visit]:
        """Visits of so many seconds at so many a second on average, over and over.

        Args:
            skip: so many visits are left out first.
            even: all gaps alike, so that a longer one is not the visitors'; else the rhythm of the data is
                kept, in which most people come close together and then nobody for long.
            prefix: before each user's id, so that nobody who is there already rates anything.
        """
        count = max(1, int(rate * seconds))
        chosen = [self.visits[(skip + n) % len(self.visits)] for n in range(count)]
        gaps = np.diff([visit.at for visit in chosen], prepend=chosen[0].at)
        # where the script begins anew, time goes backwards
        gaps = np.maximum(gaps, 0.0)
        total = gaps.sum()
        at = np.cumsum(gaps) * (seconds / total) if total > 0 and not even else np.arange(count) / rate
        return [
            msgspec.structs.replace(visit, at=float(when), user_id=prefix + visit.user_id)
            for visit, when in zip(chosen, at, strict=True)
        ]


def from_ratings(ratings: Ratings, seed: int = 0) -> Script:
    """Each rating as a visit before it.

    People of MovieLens come once, for an evening; here all of them are about at the same time, each in his
    own order, and the gaps between two visits are those of the data set, in their order.
    """
    order = np.argsort(ratings.event_time_ms, kind="stable")
    users = ratings.user_ids[order]
    place = np.zeros(len(order))
    draw = np.random.default_rng(seed)
    for rows in _rows_of_each(users):
        place[rows] = (np.arange(len(rows)) + draw.random(len(rows))) / len(rows)
    chosen = order[np.argsort(place, kind="stable")]
    gaps = np.diff(ratings.event_time_ms[order], prepend=ratings.event_time_ms[order][0]) / 1000.0
    at = np.cumsum(np.minimum(gaps, np.quantile(gaps, LONGEST_GAP)))
    columns = (ratings.user_ids[chosen], ratings.item_ids[chosen], ratings.values[chosen])
    return _script(
        [
            Visit(at=when, user_id=user, item_id=item, value=value)
            for when, user, item, value in zip(at.tolist(), *(c.tolist() for c in columns), strict=True)
        ]
    )


def load_script(source: str) -> Script:
    """``shipped``, a folder of ratings of any known layout, or a recording (``.jsonl``).

    Raises:
        ConfigurationError: the recording cannot be read or holds no visit.
    """
    if not source.endswith(".jsonl"):
        return from_ratings(all_ratings(resolve(source)))
    decode = msgspec.json.Decoder(Visit).decode
    visits = []
    try:
        lines = Path(source).read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        try:
            visits += [decode(line)] if line.strip() else []
        except msgspec.MsgspecError as error:
            raise ConfigurationError(f"{source}, line {number}: {error}") from None
    if not visits:
        raise ConfigurationError(f"{source} holds no visit")
    return _script(sorted(visits, key=lambda visit: visit.at))


def _script(visits: list[Visit]) -> Script:
    likes: dict[str, set[str]] = {}
    for visit in visits:
        if visit.value is not None and visit.value >= LIKED:
            likes.setdefault(visit.user_id, set()).add(visit.item_id)
    return Script(visits, {user: frozenset(items) for user, items in likes.items()})


def _rows_of_each(users: npt.NDArray[np.object_]) -> list[npt.NDArray[np.int64]]:
    """Rows of each user, in order."""
    _, numbers = np.unique(users.astype(str), return_inverse=True)
    by_user = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers))
    return np.split(by_user, ends[:-1])
