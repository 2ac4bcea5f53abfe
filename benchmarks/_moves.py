"""How long a promotion takes until every process goes by it: ledger, two workers, two gateways."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from benchmarks._services import end, gateway_client, running, services, start, wait_for
from benchmarks._space import make_films, make_space, put_vectors
from deploy.rollout.changes import make, plan
from deploy.rollout.presence import Followers
from deploy.stack.ports import free_ports
from streaming.control.documents import SpaceDocument, moved
from streaming.control.writer import change_control
from streaming.settings import Settings

MOVES, FILMS, DIM = 20, 1_000, 32
PROCESSES = 5
PAUSE_S = 0.7
"""Between two moves, so that they meet heartbeats at every phase."""


@dataclass(frozen=True)
class Moved:
    """One move: milliseconds of writing it, and until the last process reported it, from its beginning."""

    written: float
    seen: float


def _two_spaces(settings: Settings) -> tuple[str, str]:
    """A standby, and the champion that came after it."""
    first, second = make_space(settings, DIM), make_space(settings, DIM)
    for space in (first, second):
        put_vectors(settings, space, make_films(FILMS, DIM))

    def stand_by(state: Any, change: Any) -> Sequence[SpaceDocument]:
        return [moved(state.spaces[first.space], "standby", change)]

    change_control(settings, "benchmark", "the one before", stand_by)
    return first.space, second.space


def moves() -> list[Moved]:
    """Promotions there and back, on a stack that does nothing else."""
    with services(milvus=True) as settings:
        spaces = _two_spaces(settings)
        (port,) = free_ports(1)
        door = settings.gateway.model_copy(update={"port": port, "url": f"http://127.0.0.1:{port}"})
        other = settings.model_copy(update={"gateway": door})
        parts = (("ledger",), *(("space", name) for name in spaces), ("gateway",))
        with running(settings, *parts):
            second = start(other, "gateway", instance="1")
            try:
                for one in (settings, other):
                    with closing(gateway_client(one)):
                        pass
                with Followers(settings) as followers:
                    wait_for(lambda: len(followers.here()) == PROCESSES, 60, "all processes are there")
                    return [_move(settings, followers) for _ in range(MOVES)]
            finally:
                end(second)


def _move(settings: Settings, followers: Followers) -> Moved:
    """One rollback, which writes what a promotion writes: the route and both spaces."""
    time.sleep(PAUSE_S)
    planned = plan(settings, "rollback")
    began = time.monotonic()
    after = make(settings, planned, "benchmark", "")
    written = (time.monotonic() - began) * 1000
    seen = followers.wait(after.revision, began, "", 30.0)
    if seen.ms is None or seen.processes != PROCESSES:
        raise TimeoutError(f"not seen by {seen.lagging}, of {seen.processes} processes")
    return Moved(written, seen.ms)


if __name__ == "__main__":
    for one in moves():
        print(f"{one.written:.0f} ms written, {one.seen:.0f} ms seen")
