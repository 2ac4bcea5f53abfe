"""A worker or the whole JVM killed under load: each request ends with the right vector or "retry later"."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psutil
import pytest

from deploy.stack.torchserve import TorchServe
from streaming.encoder import (
    EncoderClient,
    EncoderManagement,
    EncoderUnavailableError,
    ModelNotFoundError,
    register_version,
)
from streaming.settings import Settings
from tests.integration.encoder.tiny import NAME, VERSION, Tiny
from tests.support import until

CLIENTS, BEFORE, AFTER = 4, 12, 12


class Load:
    """Clients that ask without a pause, each for a film of its own, and count what they are told."""

    def __init__(self, settings: Settings, tiny: Tiny) -> None:
        self.asked: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self._settings, self._tiny = settings, tiny
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(CLIENTS)]

    @property
    def right(self) -> int:
        """Answers with the right vector so far."""
        return self.told["right"]

    def _ask(self, number: int) -> None:
        item, want = self._tiny.items[number], self._tiny.trained.vectors[number]
        with EncoderClient(self._settings, VERSION, NAME) as client:
            while not self._ended.is_set():
                with self._lock:
                    self.asked["films"] += 1
                try:
                    (encoded,) = client.encode([item])
                except (EncoderUnavailableError, ModelNotFoundError):
                    outcome = "retry later"
                    # as every caller does
                    self._ended.wait(0.1)
                except Exception as error:
                    outcome = f"broken: {error!r}"
                else:
                    near = encoded.vector is not None and np.allclose(
                        encoded.vector, want, rtol=1e-3, atol=1e-5
                    )
                    outcome = "right" if near else f"wrong: {encoded.error}"
                with self._lock:
                    self.told[outcome] += 1

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Under load within; at the end every request has been counted."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join(120)
        assert not any(thread.is_alive() for thread in self._threads), "a request never ended"

    def check(self) -> None:
        """Nothing was lost and nothing was wrong."""
        assert sum(self.told.values()) == self.asked["films"]
        assert set(self.told) <= {"right", "retry later"}, self.told


def worker_pids(settings: Settings) -> list[int]:
    management = EncoderManagement(settings, NAME)
    try:
        described = management.describe(VERSION) or {}
    finally:
        management.close()
    return [int(worker["pid"]) for worker in described.get("workers", []) if worker["status"] == "READY"]


@pytest.mark.usefixtures("encoder")
def test_without_a_kill_every_answer_is_right(serving: Settings, tiny: Tiny) -> None:
    load = Load(serving, tiny)
    with load.running():
        until(lambda: load.right >= BEFORE + AFTER, 120, what="answers")
    load.check()
    assert load.told["retry later"] == 0


@pytest.mark.usefixtures("encoder")
def test_a_killed_worker_costs_retries_and_comes_back(serving: Settings, tiny: Tiny) -> None:
    load = Load(serving, tiny)
    with load.running():
        until(lambda: load.right >= BEFORE, 120, what="answers before")
        (pid,) = worker_pids(serving)
        psutil.Process(pid).kill()
        until(lambda: load.told["retry later"], 120, what="somebody is told of the kill")
        until(lambda: [p for p in worker_pids(serving) if p > 0 and p != pid], 120, what="a new worker")
        healed = load.right
        until(lambda: load.right >= healed + AFTER, 120, what="answers after")
    load.check()
    assert not psutil.pid_exists(pid)


@pytest.mark.usefixtures("encoder")
def test_a_killed_jvm_costs_retries_and_answers_again_once_started(
    serving: Settings, tiny: Tiny, torchserve: TorchServe
) -> None:
    load = Load(serving, tiny)
    with load.running():
        until(lambda: load.right >= BEFORE, 120, what="answers before")
        torchserve.kill9()
        until(lambda: load.told["retry later"] >= CLIENTS, 120, what="everybody is told")
        during = load.right
        torchserve.start()
        torchserve.wait_healthy()
        register_version(serving, tiny.package.archive, NAME, VERSION)
        until(lambda: load.right >= during + AFTER, 120, what="answers after")
    load.check()
