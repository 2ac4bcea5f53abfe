"""The one thread that writes a space's rows to Milvus: changed users first, those behind them after."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from streaming.control.documents import SpaceDocument
from streaming.exceptions import MarqueeError
from streaming.milvus.client import MilvusStore
from streaming.milvus.exceptions import CollectionMissingError, MilvusUnavailableError, RowRefusedError
from streaming.milvus.rows import ItemRow, UserRow
from streaming.observability.logging import get_logger
from streaming.space import metrics
from streaming.space.backoff import Backoff
from streaming.space.state import KINDS, Kind, SpaceState

log = get_logger(__name__)
KEYS: dict[Kind, str] = {"users": "user_id", "items": "item_id"}
R = TypeVar("R", UserRow, ItemRow)


class Writer(threading.Thread):
    """Writes what is dirty, from the state at that moment, until stopped.

    Milvus away: what was not written stays dirty, tried again with back-off and jitter.

    Args:
        start_over: called when dirty rows were forgotten or collections created: everything is to be
            compared again.
        wanted: whether the space is live, asked before collections that were there are created anew.
    """

    def __init__(
        self,
        state: SpaceState,
        milvus: MilvusStore,
        batch: int,
        start_over: Callable[[], object],
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(name="writer", daemon=True)
        self._state, self._milvus, self._batch = state, milvus, batch
        self._start_over, self._wanted = start_over, wanted
        self._ever_created = False
        self._stopped = threading.Event()
        self._backoff = Backoff()
        self.created = False
        """Whether the collections were there, or were created, since Milvus last lost them."""
        self.problem: str | None = None
        """Why the last write failed, or None."""

    @property
    def space(self) -> SpaceDocument:
        """The space as last heard of."""
        return self._state.space

    def collection(self, kind: Kind) -> str:
        """Where rows of ``kind`` go."""
        return self.space.users_collection if kind == "users" else self.space.items_collection

    def stop(self) -> None:
        """End after the write under way; what is dirty is left to the next owner's reconciler."""
        self._stopped.set()
        with self._state.changed:
            self._state.changed.notify_all()

    def lost(self, error: MarqueeError) -> None:
        """Somebody else has found Milvus failing: collections that are gone are created anew."""
        if isinstance(error, CollectionMissingError):
            self.created = False

    def recreate(self) -> None:
        """The space's collections have other names now: create them, then compare everything."""
        self.created = False

    def run(self) -> None:
        """The thread's loop."""
        while not self._stopped.is_set():
            try:
                self._ensure_collections()
                if not self.write_once():
                    self._await_work()
                self._backoff.reset()
                self.problem = None
            except (MilvusUnavailableError, CollectionMissingError) as error:
                if isinstance(error, CollectionMissingError):
                    self.created = False
                if self.problem is None:
                    log.warning("Milvus does not take rows; they wait", error=str(error))
                self.problem = str(error)
                self._stopped.wait(self._backoff.pause())
            except MarqueeError as error:
                self.problem = str(error)
                log.error("rows cannot be written", error=str(error))
                self._stopped.wait(self._backoff.pause())

    def write_once(self) -> bool:
        """Write one batch of each kind; whether there was anything to write.

        Raises:
            MilvusUnavailableError, CollectionMissingError: the batch is dirty again.
        """
        wrote = False
        for kind in KINDS:
            metrics.dirty_rows.labels(kind).set(len(self._state.dirty[kind]))
            if not self._state.dirty[kind] or not self.may_write(kind):
                continue
            wrote = True
            written = False
            try:
                with metrics.write_seconds.labels(kind).time():
                    self._write(kind)
                written = True
            finally:
                if not written:
                    metrics.write_failures.labels(kind).inc()
                self._state.finish(kind, written)
        return wrote

    def may_write(self, kind: Kind) -> bool:
        """Rule 9: an assignment that was not confirmed for half a session is not believed."""
        if not self._state.owned(kind):
            return False
        if self._state.fresh(kind):
            return True
        log.warning("last poll is too old: what was to be written is dropped", kind=kind)
        metrics.dropped.labels(kind).inc()
        self._state.drop_dirty(kind)
        self._start_over()
        return False

    def _write(self, kind: Kind) -> None:
        collection = self.collection(kind)
        if kind == "users":
            users, gone = self._state.take_users(self._batch)
            self._upsert(users, lambda rows: self._milvus.upsert_users(collection, rows))
            count = len(users)
        else:
            items, gone = self._state.take_items(self._batch)
            self._upsert(items, lambda rows: self._milvus.upsert_items(collection, rows))
            count = len(items)
        if gone:
            self._milvus.delete(collection, KEYS[kind], gone)
            if kind == "users":
                self._delete_from_former(gone)
            metrics.rows_deleted.labels(kind).inc(len(gone))
        metrics.rows_written.labels(kind).inc(count)

    def _delete_from_former(self, users: Sequence[str]) -> None:
        """Who leaves while a new generation is being filled must not be looked up in the former one."""
        former = self.space.former_users_collection(int(time.time() * 1000))
        if former is not None:
            with contextlib.suppress(CollectionMissingError):
                self._milvus.delete(former, KEYS["users"], users)

    def _upsert(self, rows: Sequence[R], upsert: Callable[[Sequence[R]], None]) -> None:
        try:
            upsert(rows)
        except RowRefusedError:
            # one bad row must not keep the others out
            for row in rows:
                self._upsert_alone(row, upsert)

    def _upsert_alone(self, row: R, upsert: Callable[[Sequence[R]], None]) -> None:
        try:
            upsert([row])
        except RowRefusedError as error:
            log.error("a row is refused", part=row.part, revision=row.revision, error=str(error))

    def _ensure_collections(self) -> None:
        if not self.created:
            if self._ever_created and not self._wanted():
                # this process slept while the space was dropped, and is about to hear of it
                return
            self._milvus.create_space_collections(self.space)
            self.created = self._ever_created = True
            self._state.forget_written()
            self._start_over()

    def _await_work(self) -> None:
        with self._state.changed:
            if not self._stopped.is_set() and not self._has_work(KINDS):
                self._state.changed.wait(0.5)

    def _has_work(self, kinds: Iterable[Kind]) -> bool:
        return any(self._state.dirty[kind] and self._state.owned(kind) for kind in kinds)
