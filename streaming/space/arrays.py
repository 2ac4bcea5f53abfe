"""What the users of one partition rated, compactly. Not thread-safe: its owner holds a lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streaming.control.documents import Policy
from streaming.documents import Ratings
from streaming.space.inverted import InvertedIndex
from streaming.space.matrix import ItemMatrix
from streaming.space.profile import Ages, ages_of, classes_of

_CLASS_BITS = 2


def pack(ratings: Ratings, matrix: ItemMatrix, policy: Policy) -> bytes:
    """Item rows and classes of what a user rates now (take-backs left out): 4 bytes an item, uint32.

    The row number stands above two bits of weight class. Items that ``matrix`` has not heard of get rows.
    """
    items = [item for item, (value, _) in ratings.items() if value is not None]
    values = np.array([value for value, _ in ratings.values() if value is not None], dtype=np.float64)
    rows = np.array(matrix.intern_all(items), dtype=np.uint32)
    packed = (rows << np.uint32(_CLASS_BITS)) | classes_of(values, policy)
    return packed.astype(np.uint32).tobytes()


def pack_ages(ratings: Ratings, policy: Policy) -> bytes:
    """Ages of the same items in the same order, uint32; nothing where the policy has no half-life."""
    if not policy.half_life_days:
        return b""
    times = np.array([at for value, at in ratings.values() if value is not None], dtype=np.int64)
    return ages_of(times).tobytes()


def rows_of(packed: bytes) -> npt.NDArray[np.int32]:
    """Item rows, int32 (n,), in what :func:`pack` made."""
    return (np.frombuffer(packed, dtype=np.uint32) >> np.uint32(_CLASS_BITS)).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some users' ratings side by side: user i's lie at ``bounds[i]:bounds[i + 1]``.

    ``rows`` int32 (n,), ``classes`` uint8 (n,), ``bounds`` int64 (users + 1,), ``revisions`` int64 (users,);
    ``ages`` uint32 (n,), or (0,) where the policy has no half-life.
    """

    rows: npt.NDArray[np.int32]
    classes: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]
    revisions: npt.NDArray[np.int64]
    ages: Ages


class UserPartition:
    """The documents of one partition of ``users.v1``."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.loaded = False
        """Whether all documents up to the end taken at assignment are here; rows are written only then."""
        self.numbers: dict[str, int] = {}
        self.ids: list[str] = []
        self._packed: list[bytes | None] = []
        self._ages: list[bytes] = []
        self._revisions: list[int] = []
        self._index = InvertedIndex()

    def __len__(self) -> int:
        return len(self.numbers)

    def __contains__(self, user_id: str) -> bool:
        return user_id in self.numbers

    def put(self, user_id: str, revision: int, packed: bytes, ages: bytes = b"") -> None:
        """Take a user's document, as :func:`pack` and :func:`pack_ages` made it, from offset ``revision``."""
        number = self.numbers.get(user_id)
        former: bytes | None = None
        if number is None:
            number = len(self.ids)
            self.numbers[user_id] = number
            self.ids.append(user_id)
            self._packed.append(packed)
            self._ages.append(ages)
            self._revisions.append(revision)
        else:
            former = self._packed[number]
            self._packed[number] = packed
            self._ages[number] = ages
            self._revisions[number] = revision
        if self.loaded:
            fresh = rows_of(packed).tolist()
            if former:
                known = set(rows_of(former).tolist())
                fresh = [row for row in fresh if row not in known]
            self._index.add(number, fresh)
            if self._index.crowded:
                self.build_index()

    def remove(self, user_id: str) -> bool:
        """Take a tombstone; whether the user was known. His number is not given to another."""
        number = self.numbers.pop(user_id, None)
        if number is None:
            return False
        self._packed[number], self._ages[number] = None, b""
        return True

    def build_index(self) -> None:
        """Find out anew who rated what, and forget removed users."""
        kept = sorted(self.numbers.values())
        self.ids = [self.ids[n] for n in kept]
        self._packed = [self._packed[n] for n in kept]
        self._ages = [self._ages[n] for n in kept]
        self._revisions = [self._revisions[n] for n in kept]
        self.numbers = {user_id: n for n, user_id in enumerate(self.ids)}
        packed = [p or b"" for p in self._packed]
        self._index.build(rows_of(b"".join(packed)), _bounds(packed))

    def users_of(self, rows: Iterable[int]) -> list[str]:
        """Users who rate one of the items of these rows, and perhaps some who did."""
        return [self.ids[n] for n in self._index.users_of(rows).tolist() if self._packed[n] is not None]

    def batch(self, user_ids: Sequence[str]) -> Batch:
        """The ratings of these users, all of them known."""
        numbers = [self.numbers[u] for u in user_ids]
        packed = [self._packed[n] or b"" for n in numbers]
        joined = np.frombuffer(b"".join(packed), dtype=np.uint32)
        return Batch(
            rows=(joined >> np.uint32(_CLASS_BITS)).astype(np.int32),
            classes=(joined & np.uint32(3)).astype(np.uint8),
            bounds=_bounds(packed),
            revisions=np.array([self._revisions[n] for n in numbers], dtype=np.int64),
            ages=np.frombuffer(b"".join(self._ages[n] for n in numbers), dtype=np.uint32),
        )


def _bounds(packed: Sequence[bytes]) -> npt.NDArray[np.int64]:
    bounds = np.zeros(len(packed) + 1, dtype=np.int64)
    np.cumsum([len(p) // 4 for p in packed], out=bounds[1:])
    return bounds
