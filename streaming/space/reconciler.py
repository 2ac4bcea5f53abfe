"""Rolling repair: what every owned row should be, against what Milvus holds (DESIGN section 3).

Start-up, zombies, restores and the repair that commands ask for are all this one loop.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from streaming.exceptions import MarqueeError
from streaming.milvus.client import MilvusStore
from streaming.milvus.limits import MAX_RESULT
from streaming.observability.logging import get_logger
from streaming.space import metrics
from streaming.space.backoff import Backoff
from streaming.space.rowmaker import Expected
from streaming.space.state import KINDS, Kind, SpaceState
from streaming.space.writer import KEYS, Writer

log = get_logger(__name__)
RANGE = 12_000
"""Ids of our own in one query; the rest of Milvus's 16,384 is room for rows that should not be there."""

PORTION = 2_000
AGAIN = 3
"""How often in a row a partition that was found wrong is looked at again at once."""

Unit = tuple[Kind, int]
Bounds = tuple[str | None, str | None]


@dataclass(frozen=True)
class Findings:
    """``wrong``: rows that differ or are missing; ``orphans``: rows that should not be there."""

    wrong: set[str]
    orphans: set[str]


def compare(found: Expected, expected: Expected, on_their_way: set[str]) -> Findings:
    """What is to be mended; rows that are being written anyway say nothing. Pure."""
    wrong = {i for i, says in expected.items() if found.get(i) != says} - on_their_way
    return Findings(wrong, found.keys() - expected.keys() - on_their_way)


def ranges(ids: Sequence[str], size: int = RANGE) -> list[tuple[Bounds, Sequence[str]]]:
    """Key ranges that cover every possible id, each with at most ``size`` of the sorted ``ids``. Pure."""
    cuts: list[str | None] = [ids[i] for i in range(size, len(ids), size)]
    edges = [None, *cuts, None]
    return [
        ((low, high), ids[n * size : (n + 1) * size])
        for n, (low, high) in enumerate(itertools.pairwise(edges))
    ]


class Reconciler(threading.Thread):
    """Compares one partition of one collection after the other, for ever.

    A whole round takes about ``interval_s``; what is asked for, newly owned or found wrong is done at once.
    """

    def __init__(self, state: SpaceState, milvus: MilvusStore, interval_s: float) -> None:
        super().__init__(name="reconciler", daemon=True)
        self._state, self._milvus, self._interval_s = state, milvus, interval_s
        self._stopped = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._urgent: dict[Unit, None] = {}
        self._again: dict[Unit, int] = {}
        self._round: list[Unit] = []
        self._round_began: float | None = None
        self._waiting_full: list[tuple[int, set[Unit]]] = []
        self._backoff = Backoff()
        self.writer: Writer | None = None
        self.clean_ms: dict[Unit, int] = {}
        """When the check began that last found nothing wrong in a unit, ms since 1970."""
        self.passes_begun = 0
        self.passes_finished = 0
        self.pass_seconds: float | None = None
        self.repaired: dict[Kind, int] = {"users": 0, "items": 0}
        self.orphans: dict[Kind, int] = {"users": 0, "items": 0}

    # asked from outside ------------------------------------------------------------------------------

    def stop(self) -> None:
        """End after the comparison under way."""
        self._stopped.set()
        self._wake.set()

    def check_soon(self, kind: Kind, part: int) -> None:
        """Compare this partition as soon as its rows may be written."""
        with self._lock:
            self._urgent[kind, part] = None
        self._wake.set()

    def start_over(self) -> int:
        """A whole pass at full speed from now; its number (see :attr:`passes_finished`)."""
        units = self._units()
        with self._lock:
            for unit in units:
                self._urgent[unit] = None
                self.clean_ms.pop(unit, None)
            self.passes_begun += 1
            self._waiting_full.append((self.passes_begun, set(units)))
            number = self.passes_begun
        self._wake.set()
        return number

    def forget(self, kind: Kind, part: int) -> None:
        """The partition is another's now."""
        with self._lock:
            unit = (kind, part)
            self._urgent.pop(unit, None)
            self._again.pop(unit, None)
            self.clean_ms.pop(unit, None)

    def last_clean_ms(self, kind: Kind) -> int | None:
        """Since when every owned partition of ``kind`` has been found right, or None."""
        parts = self._state.owned(kind)
        times = [self.clean_ms.get((kind, part)) for part in parts]
        known = [t for t in times if t is not None]
        return min(known) if parts and len(known) == len(times) else None

    # the loop ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """The thread's loop."""
        while not self._stopped.is_set():
            self._wake.clear()
            unit, urgent = self._next()
            if unit is None:
                self._settle()
                self._wake.wait(0.05)
                continue
            began = time.monotonic()
            try:
                self.check(unit)
                self._backoff.reset()
            except MarqueeError as error:
                log.warning("rows cannot be compared", kind=unit[0], part=unit[1], error=str(error))
                self._retry(unit, error)
                continue
            self._settle(unit)
            if not urgent:
                slot = self._interval_s / max(1, len(self._units()))
                self._wake.wait(max(0.0, slot - (time.monotonic() - began)))

    def check(self, unit: Unit) -> None:
        """Compare one partition of one collection and mark what is to be mended.

        Raises:
            MilvusUnavailableError, CollectionMissingError: nothing is known of the rest of it.
        """
        kind, part = unit
        if not self.reconciles(kind):
            return
        began_ms = int(time.time() * 1000)
        wrong = 0
        for bounds, ids in ranges(self._state.ids(kind, part)):
            findings = self._compare(kind, part, bounds, ids)
            if findings is None or self._stopped.is_set():
                return
            self.repaired[kind] += len(findings.wrong)
            self.orphans[kind] += len(findings.orphans)
            metrics.repaired.labels(kind).inc(len(findings.wrong))
            metrics.orphans.labels(kind).inc(len(findings.orphans))
            wrong += len(findings.wrong) + len(findings.orphans)
            self._state.mark(kind, part, findings.wrong | findings.orphans)
        with self._lock:
            if wrong == 0:
                self.clean_ms[unit] = began_ms
                self._again.pop(unit, None)
            else:
                self.clean_ms.pop(unit, None)
                self._again[unit] = self._again.get(unit, 0) + 1
        if wrong:
            log.debug("rows to be mended", kind=kind, part=part, rows=wrong)

    def reconciles(self, kind: Kind) -> bool:
        """Whether rows of ``kind`` are compared at all: always."""
        return True

    def _compare(self, kind: Kind, part: int, bounds: Bounds, ids: Sequence[str]) -> Findings | None:
        """Findings between ``bounds``; None where the partition is not ours any more."""
        state, dirty = self._state, self._state.dirty[kind]
        with state.lock:
            dirty.watch()
        try:
            found = self._milvus.digests(self._collection(kind), KEYS[kind], part, *bounds)
            expected = self._expected(kind, part, sorted({*ids, *found}))
        finally:
            with state.lock:
                on_their_way = dirty.unwatch()
        if expected is None:
            return None
        if len(found) < MAX_RESULT:
            return compare(found, expected, on_their_way)
        # the answer was cut: ask for both halves
        middle = sorted(found)[len(found) // 2]
        low = self._compare(kind, part, (bounds[0], middle), [i for i in ids if i < middle])
        high = self._compare(kind, part, (middle, bounds[1]), [i for i in ids if i >= middle])
        if low is None or high is None:
            return None
        return Findings(low.wrong | high.wrong, low.orphans | high.orphans)

    def _expected(self, kind: Kind, part: int, ids: Sequence[str]) -> Expected | None:
        """In portions, so that what comes in from Kafka does not wait long for the lock."""
        expected: Expected = {}
        for start in range(0, len(ids), PORTION):
            portion = self._state.expected(kind, part, ids[start : start + PORTION])
            if portion is None:
                return None
            expected.update(portion)
        return expected

    def _written(self, kind: Kind) -> bool:
        return not self._state.dirty[kind] and not self._state.dirty[kind].flying

    def _collection(self, kind: Kind) -> str:
        space = self._state.space
        return space.users_collection if kind == "users" else space.items_collection

    def _units(self) -> list[Unit]:
        return [(kind, part) for kind in KINDS for part in self._state.owned(kind)]

    def _next(self) -> tuple[Unit | None, bool]:
        """The unit to compare now, and whether it is urgent."""
        units = set(self._units())
        fresh = {kind: self._state.fresh(kind) for kind in KINDS}
        with self._lock:
            for unit in list(self._urgent):
                if unit in units and fresh[unit[0]]:
                    del self._urgent[unit]
                    return unit, True
            for unit, times in self._again.items():
                # what was found wrong is looked at once more when it has been written
                if times <= AGAIN and unit in units and fresh[unit[0]] and self._written(unit[0]):
                    self._again[unit] = times
                    return unit, True
            self._round = [unit for unit in self._round if unit in units]
            if not self._round and units:
                now = time.monotonic()
                if self._round_began is not None:
                    self.pass_seconds = now - self._round_began
                    metrics.pass_seconds.set(self.pass_seconds)
                self._round_began = now
                self._round = sorted(units)
            if self._round and fresh[self._round[0][0]]:
                return self._round.pop(0), False
        return None, False

    def _settle(self, done: Unit | None = None) -> None:
        """Count the whole passes that have compared everything they were to."""
        units = set(self._units())
        with self._lock:
            left: list[tuple[int, set[Unit]]] = []
            for number, waiting in self._waiting_full:
                waiting &= {unit for unit in units if unit != done}
                if waiting:
                    left.append((number, waiting))
                else:
                    self.passes_finished = max(self.passes_finished, number)
            self._waiting_full = left

    def _retry(self, unit: Unit, error: MarqueeError) -> None:
        with self._lock:
            self._urgent[unit] = None
            self.clean_ms.pop(unit, None)
        if self.writer is not None:
            self.writer.lost(error)
        self._stopped.wait(self._backoff.pause())
