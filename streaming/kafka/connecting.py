"""A new client whose first questions do not wait for librdkafka's timers."""

from __future__ import annotations

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient


def connect(client: Producer | AdminClient, topic: str, timeout_s: float) -> None:
    """Return once ``client`` is connected and knows who leads ``topic``.

    A bootstrap server that becomes a known broker is not up for an instant. A first request that meets it
    waits for a timer: half a second for a coordinator, one or three for a partition's leader. Metadata is
    asked for twice, because the first answer is what makes that instant.

    Raises:
        KafkaException: no broker answers within ``timeout_s``.
    """
    for _ in range(2):
        client.list_topics(topic, timeout_s)
