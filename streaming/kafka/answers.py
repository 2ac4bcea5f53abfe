"""What the admin client's futures answer, with silence as one more of Kafka's errors."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

Answer = TypeVar("Answer")


def answered(future: Future[Answer], timeout_s: float) -> Answer:
    """The answer of ``future``, waited for at most ``timeout_s`` seconds.

    Raises:
        KafkaException: what the broker refused it with, or ``_TIMED_OUT`` where nothing came: librdkafka's
            own time-out may come later than it was told, or never.
    """
    try:
        return future.result(timeout_s)
    except TimeoutError:
        reason = f"no answer within {timeout_s:.0f} s"
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, reason)) from None
