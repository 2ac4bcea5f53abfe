"""A commit that a broker refuses without saying why.

Seen about once in two hundred races: while the broker fences a writer, it answers the commit with
"unknown error". No test can place that moment, so the producer here is made.
"""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from streaming.control.writer import _after_abort


class Refused:
    """A producer whose transaction was refused and whose abort ends with ``code``."""

    def __init__(self, code: int | None) -> None:
        self.code = code
        self.aborted = 0

    def abort_transaction(self, _timeout: float) -> None:
        self.aborted += 1
        if self.code is not None:
            raise KafkaException(KafkaError(self.code))


def refusal(requires_abort: bool) -> KafkaException:
    return KafkaException(KafkaError(KafkaError.UNKNOWN, "refused", txn_requires_abort=requires_abort))


def code_after(producer: Refused, error: KafkaException) -> int:
    found: int = _after_abort(producer, error).args[0].code()  # type: ignore[arg-type]
    return found


def test_an_abort_says_that_the_writer_was_fenced() -> None:
    producer = Refused(KafkaError._FENCED)
    assert code_after(producer, refusal(requires_abort=True)) == KafkaError._FENCED
    assert producer.aborted == 1


def test_the_refusal_stands_where_the_abort_says_nothing_of_a_fence() -> None:
    for ending in (None, KafkaError._TIMED_OUT):
        producer = Refused(ending)
        assert code_after(producer, refusal(requires_abort=True)) == KafkaError.UNKNOWN
        assert producer.aborted == 1


def test_what_needs_no_abort_is_not_aborted() -> None:
    producer = Refused(KafkaError._FENCED)
    assert code_after(producer, refusal(requires_abort=False)) == KafkaError.UNKNOWN
    assert producer.aborted == 0
