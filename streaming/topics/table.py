"""The topics of DESIGN section 3 as data: names, partitions, configuration. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from streaming.settings import Settings

USERS_MAX_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Topic:
    """What one topic must be; ``config`` holds the broker's names and values."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TopicNames:
    """The names under one namespace."""

    namespace: str

    def _name(self, name: str) -> str:
        return f"{self.namespace}.{name}"

    @property
    def ratings(self) -> str:
        """Log of ratings, take-backs and erases."""
        return self._name("ratings.v1")

    @property
    def users(self) -> str:
        """Compacted user documents."""
        return self._name("users.v1")

    @property
    def erased(self) -> str:
        """Compacted: HMAC of an erased user -> time up to which his ratings are dropped."""
        return self._name("erased.v1")

    @property
    def items(self) -> str:
        """Compacted films."""
        return self._name("items.v1")

    @property
    def popular(self) -> str:
        """Compacted like counts by week."""
        return self._name("popular.v1")

    @property
    def control(self) -> str:
        """Compacted spaces and route, one partition."""
        return self._name("control.v1")

    @property
    def presence(self) -> str:
        """Compacted heartbeats of processes, one partition."""
        return self._name("presence.v1")

    @property
    def served(self) -> str:
        """Log of answers."""
        return self._name("served.v1")

    @property
    def events(self) -> str:
        """Log of impressions and clicks."""
        return self._name("events.v1")

    def vectors(self, space: str) -> str:
        """Compacted item vectors of one space."""
        return self._name(f"vectors.{space}.v1")

    def dlq(self, topic: str) -> str:
        """Where records of ``topic`` (a full name) go that can never be taken as they are."""
        return f"{topic}.dlq.v1"

    @property
    def ledger_group(self) -> str:
        """Consumer group of the ledgers."""
        return self._name("ledger")

    def indexer_group(self, space: str) -> str:
        """Consumer group of a space's indexers."""
        return self._name(f"space.{space}.indexer")

    def projector_group(self, space: str) -> str:
        """Consumer group of a space's projectors (assignment only, no offsets)."""
        return self._name(f"space.{space}.projector")


def _common(settings: Settings) -> dict[str, str]:
    return {"message.timestamp.type": "LogAppendTime", "segment.ms": str(settings.topics.segment_ms)}


def _log(settings: Settings) -> dict[str, str]:
    return _common(settings) | {"cleanup.policy": "delete", "retention.ms": str(settings.topics.retention_ms)}


def _compacted(settings: Settings) -> dict[str, str]:
    return _common(settings) | {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(settings.topics.delete_retention_ms),
        "max.compaction.lag.ms": str(settings.topics.max_compaction_lag_ms),
    }


def fixed_topics(settings: Settings) -> list[Topic]:
    """Every topic that exists whatever the spaces are."""
    names = TopicNames(settings.namespace)
    ratings, items = settings.topics.ratings_partitions, settings.topics.items_partitions
    log, compacted = _log(settings), _compacted(settings)
    return [
        Topic(names.ratings, ratings, log),
        Topic(names.users, ratings, compacted | {"max.message.bytes": str(USERS_MAX_BYTES)}),
        Topic(names.erased, ratings, compacted),
        Topic(names.items, items, compacted),
        Topic(names.popular, ratings, compacted),
        Topic(names.control, 1, compacted),
        Topic(names.presence, 1, compacted),
        Topic(names.served, ratings, log),
        Topic(names.events, ratings, log),
        Topic(names.dlq(names.ratings), ratings, log),
        Topic(names.dlq(names.items), items, log),
    ]


def space_topics(settings: Settings, space: str) -> list[Topic]:
    """The topics that one space owns and that go with it."""
    names = TopicNames(settings.namespace)
    return [Topic(names.vectors(space), settings.topics.items_partitions, _compacted(settings))]
