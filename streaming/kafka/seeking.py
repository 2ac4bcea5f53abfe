"""Reading a paused partition on from an offset, also where librdkafka has given it up."""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streaming.observability import get_logger

log = get_logger("kafka.seeking")


def read_from(consumer: Consumer, place: TopicPartition) -> None:
    """Fetch a paused partition from here on.

    Raises:
        KafkaException: it is no longer assigned.
    """
    try:
        consumer.seek(place)
    except KafkaException as error:
        if error.args[0].code() != KafkaError._STATE:
            raise
        assign_anew(consumer, place)
    consumer.resume([place])


def assign_anew(consumer: Consumer, place: TopicPartition) -> None:
    """librdkafka gave the partition up, having asked for an offset that the log had deleted.

    That is so after an error of ``auto.offset.reset``, also when it fetched between assignment and pause;
    such a partition refuses every seek.
    """
    consumer.incremental_unassign([place])
    consumer.incremental_assign([place])
    log.info("partition assigned anew", topic=place.topic, partition=place.partition, offset=place.offset)
