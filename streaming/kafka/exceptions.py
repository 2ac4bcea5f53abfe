"""What can go wrong between Marquee and Kafka."""

from __future__ import annotations

from streaming.exceptions import ConflictError, MarqueeError, UnavailableError


class TransactionAbortedError(MarqueeError):
    """A transaction was aborted: nothing of it counts; rewind to the committed offsets and go on."""


class FencedError(ConflictError):
    """The producer can never write again (its id was taken, or Kafka gave it up): end the process."""


class KafkaUnavailableError(UnavailableError):
    """Kafka did not answer in time; trying again may help."""


class CallHangsError(KafkaUnavailableError):
    """A call into the client library did not keep its own timeout; its client is not to be used again."""


class OutOfRangeError(MarqueeError):
    """The offset to be read is not in the log: records were lost or the topic is another."""
