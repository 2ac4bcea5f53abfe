"""A command that does not come back after Ctrl-C is ended; who handles it is left alone."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

STUCK = """
import signal, sys, threading
from deploy.cli.stopping import end_on_interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)
end_on_interrupt(1.5)
{more}
said = False
while True:
    try:
        # within what hears the signal: it may come with the word
        if not said:
            said = True
            print("ready", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("heard", flush=True)
"""
"""As a call into a client library that closes for ever."""


def start(more: str = "") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK.format(more=more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_never_comes_back_is_ended() -> None:
    process = start()
    try:
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, said, errors) == (130, "heard\n", "stopped\n")


def test_who_takes_the_signal_himself_is_left_alone() -> None:
    process = start("signal.signal(signal.SIGINT, lambda *_: print('mine', flush=True))")
    try:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "mine\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)
    finally:
        process.kill()
        process.communicate()


def test_another_signal_ends_nothing() -> None:
    process = start("signal.signal(signal.SIGUSR1, lambda *_: print('other', flush=True))")
    try:
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        assert process.stdout.readline() == "other\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "heard\n"
    finally:
        process.kill()
    assert process.returncode == 130
