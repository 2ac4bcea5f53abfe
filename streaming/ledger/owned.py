"""One partition that this ledger owns: how far its take-over is, its committed documents, its like counts.

A committed document is in ``pending`` (not yet in the local store), else in ``flushing`` (just being
written), else in the store. Threads other than the folding one may call :meth:`OwnedPartition.peek` only.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from streaming.ledger.exceptions import StoreError
from streaming.ledger.popular import LikeCounts
from streaming.ledger.store import Identity, PartitionStore, read_document
from streaming.observability import get_logger

log = get_logger("ledger.owned")

Pending = dict[str, bytes | None]
"""User id -> committed document, None where there is none any more."""


class Phase(Enum):
    """Of the take-over of a partition."""

    ASKING = "asking"
    """Offsets are being asked for."""
    LOADING = "loading"
    """Documents, erasures and published counts are read to their ends."""
    READY = "ready"
    """Records are folded."""
    STOPPED = "stopped"
    """Nothing happens until an operator acts; ``reason`` says why."""


class OwnedPartition:
    """State of one owned partition.

    ``mark``: offset in ``users.v1`` before which store and ``pending`` together contain everything.
    ``position``: offset in ``ratings.v1`` of the next record to fold, as committed.
    """

    def __init__(self, number: int, path: Path, identity: Identity, thresholds: Iterable[float]) -> None:
        self.number, self.path = number, path
        self.phase, self.reason = Phase.ASKING, ""
        self.store: PartitionStore | None = None
        self.memory_only = False
        """Whether there is no usable local store, so that ``pending`` holds every document."""
        self.store_error = ""
        self.broken = ""
        """Why the local store must be rebuilt, since a lookup in it failed; empty where none did."""
        self.counts = LikeCounts(number, thresholds)
        self.erased: dict[str, int] = {}
        self.published: dict[str, bytes] = {}
        self.pending: Pending = {}
        self.flushing: Pending = {}
        self.pending_bytes = 0
        self.mark = 0
        self.position = 0
        self.start = 0
        self.flushed_ms = 0
        """When the local store was last in step, in ms."""
        self._identity = identity

    def open_store(self, now_ms: int, max_age_ms: int) -> None:
        """Open and verify the local store, counting its likes; without a disk, memory holds everything."""
        if self.store is not None or self.memory_only:
            return
        store = PartitionStore(self.path, self._identity)
        self.counts.restart(self.counts.thresholds)
        try:
            reason = store.open(now_ms, max_age_ms, lambda _, value: self.counts.replace(None, value))
        except StoreError as error:
            self._store_failed(error)
            self._forget()
            self.memory_only = True
            return
        if reason is not None:
            log.info("local store begun anew", partition=self.number, reason=reason)
            self.counts.restart(self.counts.thresholds)
        self.store, self.mark = store, store.mark

    def rebuild(self, reason: str) -> None:
        """Throw away what is held locally: everything is to be read from Kafka again."""
        log.warning("local store rebuilt", partition=self.number, reason=reason)
        self._forget()
        if self.store is not None:
            try:
                self.store.reset()
            except StoreError as error:
                self._store_failed(error)
                self.store.close()
                self.store, self.memory_only = None, True

    def _forget(self) -> None:
        self.pending, self.flushing, self.pending_bytes = {}, {}, 0
        self.counts.restart(self.counts.thresholds)
        self.mark, self.broken = 0, ""

    def lookup(self, user: str) -> bytes | None:
        """The committed document of a user. Raises StoreError, and remembers that it did."""
        if user in self.pending:
            return self.pending[user]
        try:
            return None if self.store is None else self.store.get(user)
        except StoreError as error:
            self.broken = str(error)
            raise

    def peek(self, user: str) -> bytes | None:
        """As :meth:`lookup`, for other threads."""
        for recent in (self.pending, self.flushing):
            try:
                return recent[user]
            except KeyError:
                continue
        return None if self.store is None else read_document(self.path, user)

    def put(self, user: str, document: bytes | None) -> None:
        """Hold a committed document."""
        self.pending[user] = document
        self.pending_bytes += 0 if document is None else len(document)

    def load(self, user: str, document: bytes | None, offset: int) -> None:
        """Take in a record of ``users.v1``.

        Raises:
            StoreError: the local store cannot be read.
            msgspec.MsgspecError, ValueError: the record is no user document.
        """
        self.counts.replace(self.lookup(user), document)
        self.put(user, document)
        self.mark = offset + 1

    def recount(self, thresholds: Iterable[float]) -> None:
        """Count the likes of all committed documents anew. Raises StoreError."""
        self.counts.restart(thresholds)
        if self.store is not None:
            for user, document in self.store.scan():
                if user not in self.pending:
                    self.counts.replace(None, document)
        for document_or_none in self.pending.values():
            self.counts.replace(None, document_or_none)

    def flush(self, now_ms: int) -> None:
        """Write what is pending to the local store; what fails stays pending and shows in ``store_error``."""
        if self.memory_only:
            self._remake()
        if self.store is None:
            return
        self.flushing = self.pending
        self.pending = {}
        try:
            self.store.write(self.flushing, self.mark, now_ms)
        except StoreError as error:
            self._store_failed(error)
            self.pending = {**self.flushing, **self.pending}
        else:
            self.store_error, self.pending_bytes, self.flushed_ms = "", 0, now_ms
        self.flushing = {}

    def _remake(self) -> None:
        # whatever is pending is all there is: memory holds every document while there is no store
        store = PartitionStore(self.path, self._identity)
        try:
            store.reset()
        except StoreError as error:
            self._store_failed(error)
        else:
            self.store, self.memory_only = store, False

    def _store_failed(self, error: StoreError) -> None:
        if not self.store_error:
            log.warning("local store unusable", partition=self.number, reason=str(error))
        self.store_error = str(error)

    def close(self) -> None:
        """Let the local store go, without writing."""
        if self.store is not None:
            self.store.close()
            self.store = None
