"""Of which cluster and topic a local store is a copy."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streaming.kafka.answers import answered
from streaming.kafka.config import admin_options
from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.ledger.store import SCHEMA, Identity
from streaming.settings import Settings
from streaming.topics import TopicNames

TIMEOUT_S = 5.0
"""A client that goes by a dead broker is given up after it."""


def ledger_identity(settings: Settings, client_id: str) -> Callable[[int], Identity]:
    """Partition number -> what its local store must be a copy of.

    Asked by a client of its own: librdkafka puts such questions to the broker it once learned to be the
    controller, and one that knew a broker that has died since asks no other, however often it is asked.

    Raises:
        KafkaUnavailableError: if Kafka does not answer.
    """
    topic = TopicNames(settings.namespace).users
    admin = AdminClient(admin_options(settings, client_id))
    try:
        described = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_S)[topic]
        topic_id = str(answered(described, TIMEOUT_S).topic_id)
        cluster = str(answered(admin.describe_cluster(request_timeout=TIMEOUT_S), TIMEOUT_S).cluster_id)
    except KafkaException as error:
        raise KafkaUnavailableError(f"{topic} could not be described: {error}") from None
    partitions = settings.topics.ratings_partitions
    return lambda number: Identity(SCHEMA, cluster, topic, topic_id, number, partitions)
