"""Rules 1 and 2 for users: log -> documents, then documents x vectors -> rows, one partition at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from deploy.checks.erased import Barriers
from deploy.checks.expected import DISLIKED, LIKED, NEUTRAL, ExpectedRow, Float64, expected_row
from deploy.checks.findings import TOLERANCE, LogFindings, UserRowFindings
from deploy.checks.listing import rows_of_part, user_rows
from deploy.checks.reading import Record, TopicReader
from deploy.checks.refold import LogRecord, PartitionFold
from streaming.control.documents import SpaceDocument
from streaming.documents import Ratings, decode_user, decode_vector
from streaming.milvus.client import MilvusStore
from streaming.milvus.rows import UserRow
from streaming.milvus.seen import DISLIKED as SEEN_DISLIKED
from streaming.milvus.seen import LIKED as SEEN_LIKED
from streaming.milvus.seen import NEUTRAL as SEEN_NEUTRAL
from streaming.milvus.seen import decode_seen, item_hash
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics.table import TopicNames

PAUSE_S = 0.5
AGAIN_S = 1.5
"""Each partition is looked at again for at least so long: a row may trail by a second."""
CHUNK = 1_000
_CODES = {LIKED: SEEN_LIKED, NEUTRAL: SEEN_NEUTRAL, DISLIKED: SEEN_DISLIKED}

Vectors = Mapping[str, Float64]
Step = Callable[[str], None]


@dataclass
class Documents:
    """The user documents of one partition: user -> (offset, ratings)."""

    partition: int
    partitions: int
    found: dict[str, tuple[int, Ratings]] = field(default_factory=dict)

    def take(self, records: Iterable[Record]) -> None:
        """Newer records replace older ones; one without value forgets the user."""
        for record in records:
            user_id = (record.key or b"").decode(errors="replace")
            if record.value is None:
                self.found.pop(user_id, None)
            elif partition_of(user_id, self.partitions) == self.partition:
                self.found[user_id] = (record.offset, decode_user(record.value))

    def ratings(self) -> dict[str, Ratings]:
        """user -> ratings."""
        return {user_id: ratings for user_id, (_, ratings) in self.found.items()}


def row_difference(row: UserRow, want: ExpectedRow, offset: int, partition: int) -> tuple[float, str | None]:
    """(relative error of the vector, what is wrong with the row or None)."""
    error = want.error(row.vector.astype(np.float64))
    if not np.isfinite(error) or error > TOLERANCE:
        return error, "vector"
    hashes, classes = decode_seen(row.seen)
    got = dict(zip(hashes.tolist(), classes.tolist(), strict=True))
    if got != {item_hash(item): _CODES[kind] for item, kind in want.seen.items()} or len(got) != len(hashes):
        return error, "seen"
    if row.n_rated != len(want.seen) or row.n_liked != sum(kind == LIKED for kind in want.seen.values()):
        return error, "counts"
    if row.revision < offset:
        return error, "revision"
    return error, None if row.part == partition else "part"


@dataclass
class _Sight:
    """What one look at some users found."""

    missing: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    orphans: set[str] = field(default_factory=set)
    errors: dict[str, float] = field(default_factory=dict)
    """Relative error of each user's vector, from the last look at him."""

    @property
    def users(self) -> set[str]:
        return self.missing | self.stale | self.orphans


class UserCheck:
    """Checks every user, partition by partition.

    Rows trail documents by up to a second and documents trail the log, so what differs is looked at
    again, with everything that has come meanwhile, until ``wait_s`` (of all partitions together) is over.
    """

    def __init__(
        self,
        settings: Settings,
        spaces: Sequence[SpaceDocument],
        wait_s: float = 5.0,
        step: Step = lambda _: None,
    ) -> None:
        self._settings, self._spaces, self._wait_s, self._step = settings, spaces, wait_s, step
        self._names = TopicNames(settings.namespace)
        self._store = MilvusStore(settings)
        self._deadline = 0.0
        self.log = LogFindings()
        self.rows = {space.space: UserRowFindings(space.space) for space in spaces}

    def run(self) -> UserCheck:
        """Look at everything; the findings are in :attr:`log` and :attr:`rows`."""
        self._deadline = time.monotonic() + self._wait_s
        partitions = self._settings.topics.ratings_partitions
        items = range(self._settings.topics.items_partitions)
        readers = {
            s.space: TopicReader(self._settings, self._names.vectors(s.space), items) for s in self._spaces
        }
        try:
            vectors: dict[str, dict[str, Float64]] = {name: {} for name in readers}
            for partition in range(partitions):
                self._step(f"partition {partition + 1} of {partitions}")
                self._check_partition(partition, partitions, readers, vectors)
            for name, known in vectors.items():
                self.rows[name].vectors = len(known)
        finally:
            for reader in readers.values():
                reader.close()
            self._store.close()
        return self

    def _check_partition(
        self,
        partition: int,
        partitions: int,
        readers: Mapping[str, TopicReader],
        vectors: dict[str, dict[str, Float64]],
    ) -> None:
        fold, documents = PartitionFold(partition, partitions), Documents(partition, partitions)
        with (
            TopicReader(self._settings, self._names.ratings, [partition]) as log,
            TopicReader(self._settings, self._names.users, [partition]) as users,
        ):
            fold.whole = log.first[partition] == 0
            if not fold.whole:
                fold.barrier = Barriers(self._settings, partition).of
            wrong: list[str] | None = None
            sights: dict[str, _Sight] = {}
            deadline = max(self._deadline, time.monotonic() + AGAIN_S)
            while True:
                fold.take(map(_log_record, log.read_on()))
                documents.take(users.read_on())
                wrong = fold.differing(documents.ratings(), wrong)
                for space in self._spaces:
                    take_vectors(vectors[space.space], readers[space.space].read_on())
                    before = sights.get(space.space)
                    if before is None or before.users:
                        only = None if before is None else before.users
                        seen = self._look(space, documents, vectors[space.space], only)
                        if before is not None:
                            seen.errors = before.errors | seen.errors
                        sights[space.space] = seen
                if not wrong and not any(sight.users for sight in sights.values()):
                    break
                if time.monotonic() >= deadline:
                    break
                time.sleep(PAUSE_S)
        self._note(fold, documents, wrong, sights)

    def _look(
        self, space: SpaceDocument, documents: Documents, vectors: Vectors, only: set[str] | None
    ) -> _Sight:
        sight, collection = _Sight(), space.users_collection
        found = documents.found
        looked_at = list(found) if only is None else [u for u in found if u in only]
        for start in range(0, len(looked_at), CHUNK):
            chunk = looked_at[start : start + CHUNK]
            rows = user_rows(self._store, collection, chunk)
            for user_id in chunk:
                row = rows.get(user_id)
                if row is None:
                    sight.missing.add(user_id)
                    continue
                offset, ratings = found[user_id]
                want = expected_row(ratings, vectors, space.dim, space.policy)
                error, wrong = row_difference(row, want, offset, documents.partition)
                if wrong:
                    sight.stale.add(user_id)
                sight.errors[user_id] = error
        listed = (
            rows_of_part(self._store, collection, "user_id", documents.partition)
            if only is None
            else user_rows(self._store, collection, sorted(only - set(found))).keys()
        )
        sight.orphans = set(listed) - set(found)
        return sight

    def _note(
        self,
        fold: PartitionFold,
        documents: Documents,
        wrong: Sequence[str],
        sights: Mapping[str, _Sight],
    ) -> None:
        self.log.partitions += 1
        self.log.whole += fold.whole
        self.log.records += fold.records
        self.log.refused += fold.refused
        self.log.users += len(documents.found)
        self.log.differing += wrong
        for name, sight in sights.items():
            findings = self.rows[name]
            findings.users += len(documents.found)
            findings.max_relative_error = max([findings.max_relative_error, *sight.errors.values()])
            findings.missing += sorted(sight.missing)
            findings.stale += sorted(sight.stale)
            findings.orphans += sorted(sight.orphans)


def _log_record(record: Record) -> LogRecord:
    return LogRecord(record.partition, record.offset, record.appended_ms, record.value, record.headers)


def take_vectors(known: dict[str, Float64], records: Iterable[Record]) -> None:
    """Fold records of a vectors topic into item -> float64 (dim,)."""
    for record in records:
        item_id = (record.key or b"").decode(errors="replace")
        if record.value is None:
            known.pop(item_id, None)
        else:
            known[item_id] = decode_vector(record.value).as_array().astype(np.float64)
