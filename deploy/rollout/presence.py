"""Who runs which revision of control, and waiting until nobody runs an older one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from streaming.control.presence import Heartbeat, PresenceWatch
from streaming.settings import Settings

GATEWAY = "gateway"


@dataclass(frozen=True)
class Seen:
    """How a revision came to those who follow it."""

    ms: float | None
    """Until the last of them reported it; None where not all did."""
    processes: int
    lagging: tuple[str, ...]
    """Keys of processes that are there and have not reported it."""


def live(beats: Mapping[str, Heartbeat], now_ms: int | None = None) -> dict[str, Heartbeat]:
    """Those heard of within ten seconds, by key."""
    now = int(time.time() * 1000) if now_ms is None else now_ms
    return {key: beat for key, beat in sorted(beats.items()) if not beat.stale(now)}


def lagging(beats: Mapping[str, Heartbeat], revision: int, role: str = "") -> list[str]:
    """Keys of live processes of a role (all, without) that run an older revision."""
    return [
        key for key, beat in live(beats).items() if beat.role.startswith(role) and beat.revision < revision
    ]


class Followers:
    """Heartbeats, followed from before a change is made until it has come everywhere."""

    def __init__(self, settings: Settings) -> None:
        self._watch = PresenceWatch(settings)

    def __enter__(self) -> Self:
        # what is there already is read before anybody waits for what comes
        self._watch.settle()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.close()

    def here(self) -> dict[str, Heartbeat]:
        """Every live process, by key."""
        return live(self._watch.look(0.01))

    def wait(self, revision: int, began: float, role: str = "", timeout_s: float = 15.0) -> Seen:
        """Until every live process of a role has reported ``revision``.

        Args:
            began: ``time.monotonic()`` of the change.
        """
        until = time.monotonic() + timeout_s
        while True:
            beats = self._watch.look(0.01)
            behind = lagging(beats, revision, role)
            here = [beat for beat in live(beats).values() if beat.role.startswith(role)]
            if not behind:
                return Seen(round((time.monotonic() - began) * 1000, 1), len(here), ())
            if time.monotonic() > until:
                return Seen(None, len(here), tuple(behind))

    def gone(self, role: str, timeout_s: float) -> list[str]:
        """Wait until no process of a role is there; keys of those that still are when time is up."""
        until = time.monotonic() + timeout_s
        while left := [k for k, beat in live(self._watch.look()).items() if beat.role == role]:
            if time.monotonic() > until:
                return left
        return []
