"""librdkafka options for each kind of client, as DESIGN sections 4 and 7a measured them best. Pure."""

from __future__ import annotations

from streaming.settings import Settings
from streaming.topics.table import USERS_MAX_BYTES

Options = dict[str, str | int | float | bool]


def admin_options(settings: Settings, client_id: str = "marquee-admin") -> Options:
    """For ``AdminClient``."""
    # a broker that was killed comes back under newer leader epochs; an admin client that goes by
    # remembered ones is refused for as long as it remembers (15 minutes by default)
    return {"metadata.max.age.ms": 2_000, **settings.kafka, "client.id": client_id}


def consumer_options(settings: Settings, group: str, client_id: str) -> Options:
    """For a consumer that reads committed records only and owns its offsets.

    ``auto.offset.reset=error``: no position is ever guessed; who consumes says where to begin.
    """
    session = settings.session
    return {
        **settings.kafka,
        "client.id": client_id,
        "group.id": group,
        "group.protocol": "classic",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": session.session_timeout_ms,
        "heartbeat.interval.ms": session.heartbeat_interval_ms,
        "max.poll.interval.ms": session.max_poll_interval_ms,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "fetch.message.max.bytes": USERS_MAX_BYTES + 65_536,
        "fetch.wait.max.ms": 100,
        "fetch.error.backoff.ms": 50,
    }


def reader_options(settings: Settings, client_id: str) -> Options:
    """For a consumer that is assigned partitions by hand, to read a compacted topic to its end."""
    return consumer_options(settings, f"{settings.namespace}.reader", client_id) | {
        "enable.partition.eof": False
    }


def producer_options(settings: Settings, client_id: str) -> Options:
    """For an idempotent producer: acknowledged means stored."""
    return {
        **settings.kafka,
        "client.id": client_id,
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": 5,
        "partitioner": "murmur2",
        "message.max.bytes": USERS_MAX_BYTES + 65_536,
        "queue.buffering.max.kbytes": 1_000_000,
        "queue.buffering.max.messages": 2_000_000,
        "batch.num.messages": 10_000,
        "delivery.timeout.ms": 30_000,
    }


def transactional_options(settings: Settings, transactional_id: str, client_id: str) -> Options:
    """For a transactional producer; ``transactional_id`` is one an instance and survives its restart."""
    return producer_options(settings, client_id) | {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": settings.session.transaction_timeout_ms,
        # librdkafka wants message.timeout.ms <= transaction.timeout.ms
        "delivery.timeout.ms": settings.session.transaction_timeout_ms,
    }
