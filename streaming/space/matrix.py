"""All item vectors of a space in memory. Not thread-safe: its owner holds a lock."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from streaming.documents import VectorDocument
from streaming.milvus.seen import item_hash
from streaming.space.digest import item_digest
from streaming.space.exceptions import InvalidVectorError

ABSENT = -1


class ItemMatrix:
    """Row numbers for item ids, and what is known of each item.

    An id has a row from its first mention on, with or without a vector, so that users can refer to items
    that come later. Rows are never given back: an item that returns finds its users.

    Arrays, of ``capacity`` rows of which ``len(self)`` are in use: ``vectors`` float32 (capacity, dim),
    zero where absent; ``hashes`` uint64; ``revisions`` int64, the vector's offset in the vectors topic or
    ``ABSENT``; ``partitions`` int16, of the vectors topic; ``digests`` int64.
    """

    def __init__(self, dim: int, capacity: int = 1024) -> None:
        self.dim = dim
        self.rows: dict[str, int] = {}
        self.ids: list[str] = []
        self.documents: list[VectorDocument | None] = []
        self.vectors = np.zeros((capacity, dim), dtype=np.float32)
        self.hashes = np.zeros(capacity, dtype=np.uint64)
        self.revisions = np.full(capacity, ABSENT, dtype=np.int64)
        self.partitions = np.zeros(capacity, dtype=np.int16)
        self.digests = np.zeros(capacity, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def count(self) -> int:
        """Items that have a vector."""
        return int(np.count_nonzero(self.revisions[: len(self)] != ABSENT))

    def intern(self, item_id: str) -> int:
        """The row of an item, given out now if it has none yet."""
        row = self.rows.get(item_id)
        if row is None:
            row = len(self.ids)
            if row == len(self.hashes):
                self._grow()
            self.rows[item_id] = row
            self.ids.append(item_id)
            self.documents.append(None)
            self.hashes[row] = item_hash(item_id)
        return row

    def intern_all(self, item_ids: Iterable[str]) -> list[int]:
        """Rows of many items."""
        rows = self.rows
        try:
            return [rows[i] for i in item_ids]
        except KeyError:
            return [self.intern(i) for i in item_ids]

    def put(self, item_id: str, partition: int, revision: int, document: VectorDocument) -> int:
        """Take a record of the vectors topic; the item's row.

        Raises:
            InvalidVectorError: if the vector is not ``dim`` finite float32 values; nothing changes then.
        """
        if len(document.vector) != 4 * self.dim:
            raise InvalidVectorError(f"{len(document.vector)} bytes are no vector of {self.dim} float32")
        vector = document.as_array()
        if not np.isfinite(vector).all():
            raise InvalidVectorError("a vector holds NaN or infinity")
        row = self.intern(item_id)
        self.vectors[row] = vector
        # the vector lies in the matrix; kept twice it would double the memory
        self.documents[row] = VectorDocument(
            document.schema,
            b"",
            document.title,
            document.year,
            document.genres,
            document.poster,
            document.package,
        )
        self.revisions[row] = revision
        self.partitions[row] = partition
        self.digests[row] = item_digest(document)
        return row

    def remove(self, item_id: str) -> int | None:
        """Take a tombstone; the item's row, or None where no vector was known."""
        row = self.rows.get(item_id)
        if row is None or self.revisions[row] == ABSENT:
            return None
        self.vectors[row] = 0
        self.documents[row] = None
        self.revisions[row] = ABSENT
        return row

    def of_partition(self, partition: int) -> npt.NDArray[np.intp]:
        """Rows of the items of one partition that have a vector."""
        used = slice(0, len(self))
        return np.flatnonzero((self.revisions[used] != ABSENT) & (self.partitions[used] == partition))

    def _grow(self) -> None:
        more = len(self.hashes)
        self.vectors = np.concatenate([self.vectors, np.zeros((more, self.dim), dtype=np.float32)])
        self.hashes = np.concatenate([self.hashes, np.zeros(more, dtype=np.uint64)])
        self.revisions = np.concatenate([self.revisions, np.full(more, ABSENT, dtype=np.int64)])
        self.partitions = np.concatenate([self.partitions, np.zeros(more, dtype=np.int16)])
        self.digests = np.concatenate([self.digests, np.zeros(more, dtype=np.int64)])
