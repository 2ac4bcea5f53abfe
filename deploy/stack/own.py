"""Marquee's own processes as services of the stack: ledger, gateway, space workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

import httpx

from deploy.stack.asking import http
from deploy.stack.exceptions import ImpairedError, UnhealthyError
from deploy.stack.layout import Layout
from deploy.stack.process import ManagedProcess
from deploy.stack.unread import unread
from streaming.control.presence import Heartbeat

Presence = Callable[[], Mapping[str, Heartbeat]]


class OwnProcess(ManagedProcess):
    """``marquee run ...`` in the background. Subclasses ask whether it is healthy."""

    stop_timeout_s = 10.0

    def __init__(self, name: str, arguments: Sequence[str], layout: Layout) -> None:
        super().__init__(name, layout.stack / "run", log_dir=layout.logs, stack_id=layout.stack_id)
        self.arguments, self._home = list(arguments), layout.home

    def command(self) -> Sequence[str]:
        """The console command, in this virtual environment."""
        return [sys.executable, "-m", "deploy.cli", "run", *self.arguments]

    def environment(self) -> Mapping[str, str]:
        """The home, absolute; no thread pools larger than a small machine bears."""
        threads = str(min(2, os.cpu_count() or 1))
        return {"MARQUEE_HOME": str(self._home), "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}


class Worker(OwnProcess):
    """A ledger or a space worker: found by its heartbeat, asked for ``/status`` at its internal endpoint."""

    def __init__(
        self, name: str, arguments: Sequence[str], layout: Layout, role: str, token: str, presence: Presence
    ) -> None:
        super().__init__(name, arguments, layout)
        self._role, self._token, self._presence = role, token, presence

    def health(self) -> str:
        """Its own ``/status``.

        Raises:
            UnhealthyError: it does not answer.
            ImpairedError: records are lost, and it waits to be told to go on without them.
        """
        super().health()
        beats = [b for b in self._presence().values() if b.role == self._role and b.pid == self.pid]
        if not beats:
            raise UnhealthyError(f"{self.name} has not reported itself yet")
        headers = {"Authorization": f"Bearer {self._token}"}
        stopped = unread(_get(f"http://{beats[0].address}/status", headers).json())
        if stopped:
            raise ImpairedError(f"not read: {'; '.join(stopped)}")
        return "/status ok"


class Gateway(OwnProcess):
    """The HTTP door: healthy when ``/readyz`` says so."""

    def __init__(self, layout: Layout, url: str) -> None:
        super().__init__("gateway", ["gateway"], layout)
        self._url = url

    def health(self) -> str:
        """``/readyz``."""
        super().health()
        _get(f"{self._url}/readyz", {})
        return "/readyz ok"


def _get(url: str, headers: Mapping[str, str]) -> httpx.Response:
    try:
        answer = http().get(url, headers=dict(headers))
    except httpx.HTTPError as error:
        raise UnhealthyError(f"{url} does not answer: {error}") from None
    if answer.status_code != httpx.codes.OK:
        raise UnhealthyError(f"{url}: {answer.status_code} {answer.text[:300]}")
    return answer
