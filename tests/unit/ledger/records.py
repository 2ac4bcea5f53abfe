"""Records without Kafka, and a ledger without a process: folds, commits and crashes in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from streaming.documents import decode_user
from streaming.ledger.erasure import Eraser
from streaming.ledger.fold import Changes, Fold
from streaming.ledger.packed import encode_packed
from streaming.ledger.popular import LikeCounts
from streaming.settings import ErasureSettings, Settings
from tests.unit.ledger.oracle import LogRecord, java_partition

KEY = b"secret"
PARTITIONS = 3
TOPIC, DLQ = "t.ratings.v1", "t.ratings.v1.dlq.v1"


@dataclass(frozen=True)
class FakeMessage:
    """A ``confluent_kafka.Message`` as far as the fold looks at it."""

    record: LogRecord

    def partition(self) -> int:
        return self.record.partition

    def offset(self) -> int:
        return self.record.offset

    def key(self) -> bytes | None:
        return self.record.key

    def value(self) -> bytes | None:
        return self.record.value

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return list(self.record.headers) or None

    def timestamp(self) -> tuple[int, int]:
        return 2, self.record.at


def eraser(key: bytes = KEY) -> Eraser:
    return Eraser(Settings(erasure=ErasureSettings(key=SecretStr(key.decode()))))


def rating(user: str, item: str, value: Any, time: str = "2026-01-01T00:00:00Z", **more: Any) -> bytes:
    """JSON of a rating."""
    return json.dumps({"user_id": user, "item_id": item, "value": value, "event_time": time} | more).encode()


class Log:
    """Partitions of ``ratings.v1`` in memory; append times rise by 1 ms a record."""

    def __init__(self, partitions: int = PARTITIONS, now_ms: int = 1_780_000_000_000) -> None:
        self.partitions: list[list[LogRecord]] = [[] for _ in range(partitions)]
        self.now_ms = now_ms

    def append(
        self,
        value: bytes | None,
        partition: int,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> LogRecord:
        self.now_ms += 1
        log = self.partitions[partition]
        record = LogRecord(partition, len(log), key, value, tuple(headers), self.now_ms)
        log.append(record)
        return record

    def rate(self, user: str, item: str, value: Any, time: str = "2026-01-01T00:00:00Z") -> LogRecord:
        home = java_partition(user, len(self.partitions))
        return self.append(rating(user, item, value, time), home, user.encode())

    def erase(self, user: str, time: str = "2026-01-01T00:00:00Z") -> LogRecord:
        value = json.dumps({"user_id": user, "erase": True, "event_time": time}).encode()
        return self.append(value, java_partition(user, len(self.partitions)), user.encode())

    def all(self) -> list[LogRecord]:
        return [record for log in self.partitions for record in log]


class MemoryLedger:
    """A ledger whose Kafka is a few dictionaries; ``crash`` loses all that was not committed."""

    def __init__(self, log: Log, thresholds: tuple[float, ...] = (4.0,), key: bytes = KEY) -> None:
        self.log, self.thresholds, self._key = log, thresholds, key
        self.users: list[dict[str, bytes]] = [{} for _ in log.partitions]
        self.erased: list[dict[str, int]] = [{} for _ in log.partitions]
        self.offsets = [0] * len(log.partitions)
        self.dead: list[tuple[int, int, str]] = []
        self.crash()

    def crash(self) -> None:
        """Lose everything held in memory and take all partitions over again."""
        count = len(self.log.partitions)
        self.fold = Fold(TOPIC, DLQ, count, eraser(self._key), self.thresholds)
        self.counts = [LikeCounts(n, self.thresholds) for n in range(count)]
        for number in range(count):
            self.take_over(number)

    def take_over(self, number: int) -> None:
        self.fold.drop(number)
        self.fold.add(number, self.users[number].get, dict(self.erased[number]))
        self.counts[number] = LikeCounts(number, self.thresholds)
        for document in self.users[number].values():
            self.counts[number].replace(None, document)

    def batch(self, sizes: Sequence[int]) -> Changes:
        """Fold the next ``sizes[n]`` records of each partition n."""
        records = [
            FakeMessage(record)
            for number, size in enumerate(sizes)
            for record in self.log.partitions[number][self.offsets[number] : self.offsets[number] + size]
        ]
        return self.fold.fold(records)

    def commit(self, changes: Changes) -> None:
        """What a committed transaction leaves behind."""
        for number, part in changes.partitions.items():
            for user, packed in part.documents.items():
                value = encode_packed(packed)
                if value is None:
                    self.users[number].pop(user, None)
                else:
                    self.users[number][user] = value
            self.erased[number].update(part.erased)
            self.offsets[number] = part.next_offset
            self.counts[number].apply_all(self.thresholds, part.likes)
        for forward in changes.forwards:
            self.log.append(forward.value, forward.partition, forward.key, forward.headers)
        for letter in changes.dead:
            headers = dict(letter.headers)
            place = int(headers["dlq-partition"] or b""), int(headers["dlq-offset"] or b"")
            self.dead.append((*place, (headers["dlq-reason"] or b"").decode()))

    def run(self) -> None:
        """Fold and commit until nothing is left."""
        while any(len(log) > at for log, at in zip(self.log.partitions, self.offsets, strict=True)):
            self.commit(self.batch([10**9] * len(self.offsets)))

    def documents(self) -> dict[str, Any]:
        """Every user's ratings, decoded."""
        return {user: decode_user(value) for users in self.users for user, value in users.items()}
