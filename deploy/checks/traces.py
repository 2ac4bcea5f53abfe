"""What is left of an erased user: in decoded records of every topic and in every local file.

Users and films may share ids, so a trace is an id where a user's can stand: which places those are,
:mod:`deploy.checks.places` says of topics and :mod:`deploy.checks.stored` of files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from deploy.checks.places import Places, places, record_mentions
from deploy.checks.proven import ProvenFiles
from deploy.checks.reading import Record, TopicReader, quiet_admin
from deploy.checks.stored import MILVUS_FOLDER, holds_no_ids, stored_mentions
from streaming.exceptions import UnavailableError
from streaming.kafka.answers import answered
from streaming.settings import Settings

DAY_MS = 86_400_000
KAFKA_FOLDER = "kafka"
"""Of a local stack; its records are searched as topics."""


@dataclass(frozen=True)
class Trace:
    """Records of a topic, or a file, that still name the user. ``ends`` is None where nothing ends it."""

    where: str
    what: str
    count: int
    ends: str | None


@dataclass
class Traces:
    """Everything found."""

    records_searched: int = 0
    files_searched: int = 0
    files_proven: int = 0
    """Left out although bytes in them look like the id: they are what a package's manifest says."""
    files_without_ids: int = 0
    """Left out: compiled engines, indexes of vectors and posters."""
    traces: list[Trace] = field(default_factory=list)

    @property
    def all_end(self) -> bool:
        """Whether each trace ends by itself."""
        return all(trace.ends for trace in self.traces)

    @property
    def last_end(self) -> str | None:
        """When the last one does, as far as that is known."""
        return max((trace.ends for trace in self.traces if trace.ends), default=None)

    @property
    def sentence(self) -> str:
        """For people."""
        looked = f"{self.records_searched:,} records and {self.files_searched:,} files searched"
        if self.files_proven:
            looked += f" ({self.files_proven:,} left out that are a package's, by its checksums)"
        if self.files_without_ids:
            looked += (
                f" ({self.files_without_ids:,} left out that are engines, indexes of vectors or posters)"
            )
        if not self.traces:
            return f"{looked}: nothing is left"
        if self.all_end:
            return f"{looked}: the last trace ends by {self.last_end}"
        return f"{looked}: something is left that nothing ends"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self) | {"all_end": self.all_end, "last_end": self.last_end}


@dataclass
class _Found:
    """Records of one topic that name the user."""

    count: int = 0
    newest_ms: int = 0
    values: int = 0
    """Of them, with a value under the user's own key that no tombstone has followed."""
    tombstone_ms: int = 0


def find_traces(settings: Settings, user_id: str, step: Callable[[str], None] = lambda _: None) -> Traces:
    """Search every topic of the namespace and every file under ``settings.home``.

    Raises:
        UnavailableError: Kafka does not answer.
    """
    result = Traces()
    where = places(settings)
    for topic, partitions in _topics(settings).items():
        step(f"searching {topic}")
        found = _Found()
        with TopicReader(settings, topic, range(partitions)) as reader:
            for record in reader.read_on():
                result.records_searched += 1
                _look(record, user_id, where(topic), found)
        if found.count:
            what = "records" if found.values or not found.tombstone_ms else "records, followed by a tombstone"
            result.traces.append(Trace(topic, what, found.count, _topic_end(settings, topic, found)))
    step("searching files")
    search_files(settings, user_id, result)
    return result


def search_files(settings: Settings, user_id: str, result: Traces) -> None:
    """Add what the files under ``settings.home`` hold to ``result``."""
    proven = ProvenFiles(settings.home)
    erased_by = _iso(int(time.time() * 1000) + int(settings.erasure.deadline_days * DAY_MS))
    for path in _files(settings.home):
        relative = path.relative_to(settings.home)
        if holds_no_ids(relative, path):
            result.files_without_ids += 1
            continue
        result.files_searched += 1
        what, count = stored_mentions(path, user_id)
        if count and proven.holds(path):
            result.files_proven += 1
        elif count:
            # Milvus Lite keeps deleted rows until its collection is rebuilt, which the deadline forces
            ends = erased_by if MILVUS_FOLDER in relative.parts else None
            result.traces.append(Trace(str(relative), what, count, ends))


def _look(record: Record, user_id: str, where: Places, found: _Found) -> None:
    if not record_mentions(record, user_id, where):
        return
    found.count += 1
    found.newest_ms = max(found.newest_ms, record.appended_ms)
    if record.key == user_id.encode() and record.value is None:
        found.tombstone_ms, found.values = record.appended_ms, 0
    else:
        found.values += 1


def _topic_end(settings: Settings, topic: str, found: _Found) -> str | None:
    """When the last of the records is gone; None where none of the topic's rules removes it."""
    config = _config(settings, topic)
    # a record can only go once its segment is rolled
    segment = int(config["segment.ms"])
    if "compact" in config["cleanup.policy"]:
        if found.values:
            return None
        compacted = found.tombstone_ms + int(config["max.compaction.lag.ms"]) + segment
        return _iso(compacted + int(config["delete.retention.ms"]))
    retention = int(config["retention.ms"])
    return None if retention < 0 else _iso(found.newest_ms + retention + segment)


def _topics(settings: Settings) -> dict[str, int]:
    admin = quiet_admin(settings)
    try:
        topics = admin.list_topics(timeout=15).topics
    except KafkaException as error:
        raise UnavailableError(f"Kafka does not answer: {error.args[0].str()}") from None
    prefix = f"{settings.namespace}."
    return {name: len(about.partitions) for name, about in sorted(topics.items()) if name.startswith(prefix)}


def _config(settings: Settings, topic: str) -> dict[str, str]:
    from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]

    admin = quiet_admin(settings)
    answers = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)], request_timeout=15)
    try:
        found = [answered(future, 20) for future in answers.values()]
    except KafkaException as error:
        raise UnavailableError(f"Kafka does not answer: {error.args[0].str()}") from None
    return {name: entry.value for entries in found for name, entry in entries.items()}


def _files(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        relative = path.relative_to(home).parts
        # an -shm file holds SQLite's page numbers, no rows
        if path.name.endswith("-shm") or KAFKA_FOLDER in relative[:-1] or path.is_symlink():
            continue
        if path.is_file():
            yield path


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
