"""What can go wrong between Marquee and Kafka."""

from __future__ import annotations

from streaming.exceptions import ConflictError, MarqueeError, UnavailableError


class TransactionAbortedError(MarqueeError):
    """A transaction was aborted: nothing of it counts; rewind to the committed offsets and go on."""


class FencedError(ConflictError):
    """The producer can never write again (its id was taken, or Kafka gave it up): end the process."""


class KafkaUnavailableError(UnavailableError):
    """Kafka did not answer in time; trying again may help."""


class OutOfRangeError(MarqueeError):
    """The committed offset is not in the log: records were lost or the topic is another."""
