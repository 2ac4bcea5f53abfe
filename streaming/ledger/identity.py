"""Of which cluster and topic a local store is a copy."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.ledger.store import SCHEMA, Identity
from streaming.settings import Settings
from streaming.topics import TopicNames

TIMEOUT_S = 10.0


def ledger_identity(settings: Settings, admin: AdminClient) -> Callable[[int], Identity]:
    """Partition number -> what its local store must be a copy of.

    Raises:
        KafkaUnavailableError: if Kafka does not answer.
    """
    topic = TopicNames(settings.namespace).users
    try:
        described = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_S)[topic]
        topic_id = str(described.result(TIMEOUT_S).topic_id)
        cluster = str(admin.describe_cluster(request_timeout=TIMEOUT_S).result(TIMEOUT_S).cluster_id)
    except (KafkaException, TimeoutError) as error:
        raise KafkaUnavailableError(f"{topic} could not be described: {error}") from None
    partitions = settings.topics.ratings_partitions
    return lambda number: Identity(SCHEMA, cluster, topic, topic_id, number, partitions)
