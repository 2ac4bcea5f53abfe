"""What the threads of a space worker share: item matrix, user arrays, who owns what, what is dirty."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Literal

from streaming.control.documents import SpaceDocument
from streaming.documents import Ratings, VectorDocument
from streaming.milvus.rows import ItemRow, UserRow
from streaming.space.arrays import UserPartition, pack, pack_ages
from streaming.space.digest import seed
from streaming.space.dirty import DirtyRows
from streaming.space.exceptions import InvalidVectorError
from streaming.space.matrix import ItemMatrix
from streaming.space.rowmaker import (
    Expected,
    expected_items,
    expected_users,
    make_item_rows,
    make_user_rows,
)

Kind = Literal["users", "items"]
VectorRecord = tuple[str, int, int, VectorDocument | None]
"""item id, partition and offset in the vectors topic, document or None for a tombstone."""
KINDS: tuple[Kind, Kind] = ("users", "items")


class SpaceState:
    """All methods may be called from any thread. ``changed`` is notified when rows become dirty."""

    def __init__(self, space: SpaceDocument, writer: str, session_s: float) -> None:
        self.space = space
        self.writer = writer
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.landed = threading.Condition(self.lock)
        self.matrix = ItemMatrix(space.dim)
        self.users: dict[int, UserPartition] = {}
        self.item_parts: set[int] = set()
        self.vectors_loaded = False
        self.dirty: dict[Kind, DirtyRows] = {"users": DirtyRows(), "items": DirtyRows()}
        self._seed = seed(space.policy, space.dim)
        self._patience_s = session_s / 2
        self._polled: dict[Kind, float] = {}

    # freshness (rule 9) ------------------------------------------------------------------------------

    def polled(self, kind: Kind) -> None:
        """The consumer on whose assignment writing ``kind`` rests has just polled successfully."""
        self._polled[kind] = time.monotonic()

    def fresh(self, kind: Kind) -> bool:
        """Whether the assignment may be believed: the last successful poll is younger than half a session."""
        return time.monotonic() - self._polled.get(kind, -1e9) < self._patience_s

    # what comes in -----------------------------------------------------------------------------------

    def put_user(self, partition: int, user_id: str, revision: int, ratings: Ratings | None) -> None:
        """A record of ``users.v1``; ratings None is a tombstone."""
        with self.lock:
            users = self.users.get(partition)
            if users is None:
                return
            if ratings is None:
                users.remove(user_id)
            else:
                policy = self.space.policy
                packed = pack(ratings, self.matrix, policy)
                users.put(user_id, revision, packed, pack_ages(ratings, policy))
            if users.loaded:
                self.dirty["users"].mark(user_id, partition, live=True)
                self.changed.notify_all()

    def put_vectors(self, records: Iterable[VectorRecord]) -> list[tuple[VectorRecord, str]]:
        """Records of the vectors topic, in order; those that are no vectors of this space, and why."""
        refused: list[tuple[VectorRecord, str]] = []
        with self.lock:
            touched: set[int] = set()
            for record in records:
                item_id, partition, revision, document = record
                try:
                    if document is None:
                        row = self.matrix.remove(item_id)
                    else:
                        row = self.matrix.put(item_id, partition, revision, document)
                except InvalidVectorError as error:
                    refused.append((record, str(error)))
                    continue
                if row is not None:
                    touched.add(row)
                if self.vectors_loaded and partition in self.item_parts:
                    self.dirty["items"].mark(item_id, partition, live=True)
            if self.vectors_loaded:
                self._touch(touched)
                self.changed.notify_all()
        return refused

    def _touch(self, rows: set[int]) -> None:
        """The items of these rows have changed for everybody who rates them."""
        behind = self.dirty["users"]
        for users in self.users.values():
            if users.loaded:
                for user_id in users.users_of(rows):
                    behind.mark(user_id, users.partition, live=False)

    def mark(self, kind: Kind, part: int, ids: Iterable[str], live: bool = False) -> None:
        """These rows are to be written anew, or deleted where nothing is known of them."""
        with self.lock:
            for row_id in ids:
                self.dirty[kind].mark(row_id, part, live)
            self.changed.notify_all()

    # who owns what -----------------------------------------------------------------------------------

    def own_users(self, partition: int) -> None:
        """The partition's documents are about to be read from the beginning."""
        with self.lock:
            self.users[partition] = UserPartition(partition)

    def users_loaded(self, partition: int) -> None:
        """The partition's documents are all here: its rows may be written."""
        with self.lock:
            users = self.users[partition]
            users.build_index()
            users.loaded = True

    def own_items(self, partition: int) -> None:
        """This process indexes the partition, and so writes its item rows."""
        with self.lock:
            self.item_parts.add(partition)

    def disown(self, kind: Kind, partition: int, wait_s: float = 1.0) -> None:
        """The partition goes to another process: forget it, and let a write under way end first."""
        with self.lock:
            if kind == "users":
                self.users.pop(partition, None)
            else:
                self.item_parts.discard(partition)
            dirty = self.dirty[kind]
            flying = partition in dirty.flying.values()
            if flying:
                self.landed.wait_for(lambda: not dirty.flying, wait_s)
            dirty.drop(partition)

    def owned(self, kind: Kind) -> list[int]:
        """Partitions whose rows this process writes now."""
        with self.lock:
            if not self.vectors_loaded:
                return []
            if kind == "items":
                return sorted(self.item_parts)
            return sorted(p for p, users in self.users.items() if users.loaded)

    # what goes out -----------------------------------------------------------------------------------

    def take_users(self, limit: int) -> tuple[list[UserRow], list[str]]:
        """Rows to upsert and ids to delete; then :meth:`finish`."""
        with self.lock:
            wanted = self.dirty["users"].take(limit)
            loaded = {p: users for p, users in self.users.items() if users.loaded}
            now_ms = int(time.time() * 1000)
            return make_user_rows(
                self.matrix, loaded, wanted, self.space.policy, self._seed, self.writer, now_ms
            )

    def take_items(self, limit: int) -> tuple[list[ItemRow], list[str]]:
        """Rows to upsert and ids to delete; then :meth:`finish`."""
        with self.lock:
            return make_item_rows(self.matrix, self.item_parts, self.dirty["items"].take(limit))

    def finish(self, kind: Kind, written: bool) -> None:
        """What was taken was written, or was not and is dirty again."""
        with self.lock:
            if written:
                self.dirty[kind].landed()
            else:
                self.dirty[kind].failed()
                for part in {*self.dirty[kind].live.values(), *self.dirty[kind].behind.values()}:
                    if part not in (self.item_parts if kind == "items" else self.users):
                        self.dirty[kind].drop(part)
            self.landed.notify_all()

    def forget_written(self) -> None:
        """The collections are new: nothing that was written is in them."""
        with self.lock:
            for dirty in self.dirty.values():
                dirty.forget_written()

    def drop_dirty(self, kind: Kind) -> None:
        """Forget what was to be written: it may belong to another by now."""
        with self.lock:
            self.dirty[kind].clear()

    # what should be ----------------------------------------------------------------------------------

    def ids(self, kind: Kind, part: int) -> list[str]:
        """Ids of all rows that should exist for an owned partition, sorted."""
        with self.lock:
            if kind == "items":
                numbers = self.matrix.of_partition(part).tolist()
                return sorted(self.matrix.ids[n] for n in numbers)
            users = self.users.get(part)
            return sorted(users.numbers) if users is not None else []

    def expected(self, kind: Kind, part: int, ids: Iterable[str]) -> Expected | None:
        """(revision, digest) that these rows should show; None where the partition is not owned any more."""
        with self.lock:
            if part not in self.owned(kind):
                return None
            if kind == "items":
                return expected_items(self.matrix, list(ids))
            return expected_users(self.matrix, self.users[part], list(ids), self._seed)
