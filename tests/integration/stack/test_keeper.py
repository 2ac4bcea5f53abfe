"""A service that lives but answers nobody is started anew where it is told so; one that answers never is."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from deploy.stack import keeper
from deploy.stack.exceptions import ImpairedError
from deploy.stack.keeper import Keeper
from deploy.stack.milvus import MilvusServer
from deploy.stack.ports import free_ports
from deploy.stack.process import ManagedProcess
from tests.support import until

SILENT_S = 2.0


@contextlib.contextmanager
def kept(folder: Path, *, hangs: bool) -> Iterator[Keeper]:
    """A kept server that has answered."""
    made = Keeper(MilvusServer(folder, free_ports(1)[0], "root:secret"), {}, hangs=hangs)
    made.start()
    try:
        until(lambda: made.healthy, 60, what="Milvus answers")
        yield made
    finally:
        made.stop()


def frozen(made: Keeper) -> int:
    """Its process, stopped: it lives, and says nothing."""
    pid = made.service.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, 5, what="it is stopped")
    until(lambda: made.status()["state"] == "unhealthy", 30, what="its silence is noticed")
    return pid


def test_what_hangs_is_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "HANG_S", SILENT_S)
    with kept(tmp_path, hangs=True) as made:
        before = frozen(made)
        until(lambda: made.status()["restarts"] == 1 and made.healthy, 90, what="another one answers")
        assert made.service.pid != before
        assert not psutil.pid_exists(before)


def test_what_may_be_silent_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without ``hangs`` the same silence ends nothing."""
    monkeypatch.setattr(keeper, "HANG_S", SILENT_S)
    with kept(tmp_path, hangs=False) as made:
        before = frozen(made)
        time.sleep(3 * SILENT_S)
        assert made.service.pid == before
        os.kill(before, signal.SIGCONT)
        until(lambda: made.healthy, 30, what="it answers again")
        assert made.status()["restarts"] == 0


class Impaired(ManagedProcess):
    """Lives, answers, and has something to say."""

    asked = 0

    def command(self) -> Sequence[str]:
        return ["sleep", "600"]

    def environment(self) -> Mapping[str, str]:
        return {}

    def health(self) -> str:
        self.asked += 1
        raise ImpairedError("not read: partition 3")


def test_who_answers_is_not_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Impaired("ledger", tmp_path / "run", log_dir=tmp_path, stack_id=str(tmp_path))
    made = Keeper(service, {}, hangs=True)
    monkeypatch.setattr(keeper, "HANG_S", 1.0)
    made.start()
    try:
        until(lambda: service.asked >= 2, 30, what="it is asked again and again")
        said = made.status()
        assert (said["state"], said["health"]) == ("unhealthy", "not read: partition 3")
        assert (said["restarts"], made.healthy) == (0, False)
    finally:
        made.stop()
