"""Ctrl-C is a question that a loop asks, and nothing that comes of it is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from deploy.data.interrupt import Interrupt


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """SIGINT as a terminal has it, whatever the tests were started by."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_signal_is_taken_down_and_raised_where_it_is_asked_for() -> None:
    with Interrupt() as interrupt:
        interrupt.check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_pressed_again_it_raises_at_once() -> None:
    with Interrupt():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def pressed_then(error: Exception) -> None:
    with Interrupt():
        signal.raise_signal(signal.SIGINT)
        raise error


def test_an_error_that_comes_of_it_is_no_error() -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        pressed_then(TypeError("expected header key to be unicode string"))
    assert isinstance(caught.value.__cause__, TypeError)
    with pytest.raises(TypeError), Interrupt():
        raise TypeError("of its own")


def test_work_that_ended_before_it_was_asked_for_counts_as_done() -> None:
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
    assert interrupt.asked


def test_where_sigint_is_ignored_it_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interrupt() as interrupt:
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        interrupt.check()
