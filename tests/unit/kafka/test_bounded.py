"""Calls that may never return: bounded, in order, and the next one is not held up."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from streaming.kafka.bounded import BoundedCalls
from streaming.kafka.exceptions import CallHangsError, KafkaUnavailableError

SOON_S = 0.05
LATE_S = 30.0


@pytest.fixture
def calls() -> Iterator[BoundedCalls]:
    made = BoundedCalls("bounded-test")
    yield made
    made.close()


def test_calls_run_in_order_on_one_other_thread(calls: BoundedCalls) -> None:
    seen: list[tuple[int, str]] = []
    for n in range(5):
        calls.run(lambda n=n: seen.append((n, threading.current_thread().name)), LATE_S)  # type: ignore[misc]
    assert seen == [(n, "bounded-test") for n in range(5)]


@pytest.mark.parametrize(
    "error", [ValueError("refused"), TimeoutError("its own"), KafkaUnavailableError("away")]
)
def test_what_a_call_raises_is_raised_here(calls: BoundedCalls, error: Exception) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        calls.run(fails, LATE_S)
    assert raised.value is error


def test_a_call_that_hangs_is_given_up_and_the_next_one_runs(calls: BoundedCalls) -> None:
    release, ended = threading.Event(), threading.Event()

    def hangs() -> None:
        release.wait(LATE_S)
        ended.set()

    with pytest.raises(CallHangsError, match=r"no answer within 0\.05 s"):
        calls.run(hangs, SOON_S)
    ran: list[bool] = []
    calls.run(lambda: ran.append(True), LATE_S)
    assert ran
    assert not ended.is_set()
    release.set()
    assert ended.wait(LATE_S), "the thread that hung goes on when its call returns"


def test_the_thread_of_a_call_that_hung_ends_with_it(calls: BoundedCalls) -> None:
    release = threading.Event()
    threads: list[threading.Thread] = []

    def hangs() -> None:
        threads.append(threading.current_thread())
        release.wait(LATE_S)

    with pytest.raises(CallHangsError):
        calls.run(hangs, SOON_S)
    release.set()
    threads[0].join(LATE_S)
    assert not threads[0].is_alive()
    assert threads[0].daemon
