"""An admin call that nobody answers fails as one that the broker refused."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException

from streaming.kafka.answers import answered


def test_an_answer_is_handed_on() -> None:
    future: Future[int] = Future()
    future.set_result(7)
    assert answered(future, 1) == 7


def test_silence_is_a_time_out_of_kafkas() -> None:
    with pytest.raises(KafkaException) as caught:
        answered(Future(), 0.01)
    assert caught.value.args[0].code() == KafkaError._TIMED_OUT
    assert "no answer within" in caught.value.args[0].str()


def test_what_the_broker_refused_stays_what_it_was() -> None:
    future: Future[int] = Future()
    future.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
    with pytest.raises(KafkaException) as caught:
        answered(future, 1)
    assert caught.value.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
