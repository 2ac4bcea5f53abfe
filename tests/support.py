"""What tests of every level share: settings of their own, Marquee processes, the run's seed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr

from streaming.settings import Settings
from tests.faults.protections import VARIABLE

SEED_VARIABLE = "MARQUEE_TEST_SEED"
Answer = TypeVar("Answer")


def run_seed() -> int:
    """The seed of this run; ``MARQUEE_TEST_SEED`` repeats an earlier one."""
    return int(os.environ[SEED_VARIABLE])


def settings_env(settings: Settings) -> dict[str, str]:
    """``MARQUEE_...`` variables from which a child process reads exactly ``settings``."""
    environment: dict[str, str] = {}

    def put(name: str, value: Any) -> None:
        if isinstance(value, BaseModel):
            for field in type(value).model_fields:
                put(f"{name}__{field.upper()}", getattr(value, field))
        elif isinstance(value, SecretStr):
            environment[name] = value.get_secret_value()
        elif isinstance(value, Mapping):
            for key, item in value.items():
                put(f"{name}__{key.upper().replace('.', '_')}", item)
        elif value is not None:
            environment[name] = str(value)

    for field in type(settings).model_fields:
        put(f"MARQUEE_{field.upper()}", getattr(settings, field))
    return environment


def until(
    probe: Callable[[], Answer], timeout_s: float = 30.0, *, what: str = "", interval_s: float = 0.05
) -> Answer:
    """The first truthy answer of ``probe``; fails the test when the time is up."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what or probe}; last answer {answer!r}")
        time.sleep(interval_s)


def python_module(module: str) -> list[str]:
    """``python -m module``, with the protection that ``MARQUEE_TEST_MUTANT`` names switched off."""
    through = ["-m", "tests.faults.launcher"] if os.environ.get(VARIABLE) else ["-m"]
    return [sys.executable, *through, module]


class MarqueeProcess:
    """``marquee run ...`` as a child, its output in a file."""

    def __init__(self, arguments: list[str], settings: Settings, environment: Mapping[str, str]) -> None:
        self.arguments = arguments
        self.output = settings.home / "output" / f"{'-'.join(arguments).replace('/', '_')}.log"
        self._environment = {**os.environ, **settings_env(settings), **environment}
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("ab") as file:
            return subprocess.Popen(
                [*python_module("deploy.cli"), "run", *self.arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the child."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self.process.poll() is None

    def text(self) -> str:
        """Everything it has written so far."""
        return self.output.read_text(errors="replace")

    def ending(self, lines: int = 40) -> str:
        """What it is, its exit status (None: it lives), and the last it has written."""
        last = "\n".join(self.text().splitlines()[-lines:])
        return f"--- {' '.join(self.arguments)}, exit status {self.process.poll()}\n{last}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP."""
        self.process.send_signal(number)

    def kill9(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def terminate(self, timeout_s: float = 10.0) -> int:
        """SIGTERM; the exit status. What does not end in time is killed, and the test fails."""
        if self.running:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"{self.arguments} did not end within {timeout_s} s of SIGTERM") from None

    def restart(self) -> None:
        """Start anew with the same settings; the old one has ended."""
        assert not self.running
        self.process = self._start()

    def close(self) -> None:
        """End it in any case."""
        if self.running:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill9()
