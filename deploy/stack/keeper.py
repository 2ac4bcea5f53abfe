"""Keeps one service up: starts it when what it needs is healthy, checks it, restarts it when it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psutil

from deploy.stack.backoff import Backoff
from deploy.stack.exceptions import ImpairedError, UnhealthyError
from deploy.stack.process import ManagedProcess
from streaming.exceptions import MarqueeError
from streaming.observability.logging import get_logger

CHECK_S = 2.0
STARTING_CHECK_S = 0.25
HANG_S = 120.0
"""A service that was healthy, lives, and has not answered for so long is started anew."""

log = get_logger(__name__)


def nothing() -> None:
    """For services that need no preparation."""


class Keeper:
    """A service, the thread that keeps it, and what is known of it.

    Args:
        ready: whether what the service needs is there; asked before every start, told whether it is the
            first.
        before: called before every start; may raise MarqueeError, and is tried again.
        also: what its health hangs on besides its own answer; raises UnhealthyError.
        hangs: restart it when it stays silent; off for services whose catching up is silence.
    """

    def __init__(
        self,
        service: ManagedProcess,
        ports: dict[str, int],
        *,
        ready: Callable[[bool], bool] = lambda _: True,
        before: Callable[[], None] = nothing,
        also: Callable[[], None] = nothing,
        hangs: bool = False,
    ) -> None:
        self.service, self._ports = service, ports
        self._ready, self._before, self._also, self._hangs = ready, before, also, hangs
        self._stop = threading.Event()
        self._backoff = Backoff()
        self._state, self._detail, self._restarts = "waiting", "", 0
        self._started_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"keep-{service.name}", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether the last check was answered."""
        return self._state == "healthy"

    def start(self) -> None:
        """Begin keeping."""
        self._thread.start()

    def stop(self) -> None:
        """Stop keeping, and stop the service; returns when both have ended."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def status(self) -> dict[str, Any]:
        """For ``marquee stack status``. ``rss_mb`` counts the service with its children, in MiB."""
        pid = self.service.pid
        return {
            "name": self.service.name,
            "state": self._state,
            "pid": pid,
            "ports": self._ports,
            "uptime_s": round(time.time() - self._started_at, 1) if pid else 0.0,
            "health": self._detail,
            "rss_mb": _rss_mb(pid) if pid else 0.0,
            "restarts": self._restarts,
            "log": str(self.service.log_path),
        }

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if not self._start_once():
                    self._stop.wait(STARTING_CHECK_S)
                    continue
                self._watch()
                if not self._stop.is_set():
                    self._wait_after_end()
        finally:
            self._state, self._detail = "stopping", ""
            self.service.stop()
            self._state = "stopped"

    def _start_once(self) -> bool:
        if not self._ready(self._restarts == 0):
            self._state, self._detail = "waiting", "for what it needs"
            return False
        try:
            self._before()
            self.service.start()
        except (MarqueeError, OSError) as error:
            self._state, self._detail = "failing", str(error)
            log.warning("not started", service=self.service.name, error=str(error))
            self._stop.wait(self._backoff.next(0.0))
            return False
        self._started_at = time.time()
        self._state, self._detail = "starting", ""
        log.info("started", service=self.service.name, service_pid=self.service.pid)
        return True

    def _watch(self) -> None:
        """Check until the service ends, hangs, or is to stop."""
        last_good: float | None = None
        while not self._stop.is_set() and self.service.running:
            try:
                detail = self.service.health()
                self._also()
                self._state, self._detail, last_good = "healthy", detail, time.monotonic()
            except ImpairedError as error:
                # it answers: to start it anew would help nobody
                self._state, self._detail, last_good = "unhealthy", str(error), time.monotonic()
            except UnhealthyError as error:
                self._state, self._detail = "unhealthy" if last_good else "starting", str(error)
            if self._hangs and last_good and time.monotonic() - last_good > HANG_S:
                log.error("hangs, started anew", service=self.service.name, detail=self._detail)
                self.service.stop()
            self._sleep(CHECK_S if self.healthy else STARTING_CHECK_S)

    def _sleep(self, seconds: float) -> None:
        """Wait, but notice within a quarter of a second that the service ended."""
        deadline = time.monotonic() + seconds
        while self.service.running and time.monotonic() < deadline:
            if self._stop.wait(min(STARTING_CHECK_S, seconds)):
                return

    def _wait_after_end(self) -> None:
        lived = time.time() - self._started_at
        wait = self._backoff.next(lived)
        code = self.service.returncode
        self._state, self._detail = "backing off", f"ended with {code}; next try in {wait:.1f} s"
        self._restarts += 1
        log.warning(
            "ended", service=self.service.name, code=code, lived_s=round(lived, 1), wait_s=round(wait, 1)
        )
        self._stop.wait(wait)


def _rss_mb(pid: int) -> float:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0.0
    total = 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return float(round(total / 2**20, 1))
