"""Which ports are free, and who sits on those that are not."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections import deque
from collections.abc import Iterable

import psutil

from deploy.stack.exceptions import PortTakenError

LOOPBACK = "127.0.0.1"
TEST_PORTS = range(20_000, 32_000)
"""Below Linux's ephemeral range, so that no client's own port is in the way of a restart."""
ROOMS = 40
"""Processes of neighbouring numbers choose from different ones, each of 300 ports."""

_given: deque[int] = deque(maxlen=100)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """``count`` ports that are free now, none of those that this process was given last.

    Each process looks in a room of its own: what one chose is bound seconds later, and a
    neighbour that was started beside it (a test run of several processes) must not choose it meanwhile.

    Raises:
        PortTakenError: the room has no more.
    """
    room = TEST_PORTS[os.getpid() % ROOMS :: ROOMS]
    found: list[int] = []
    for port in random.SystemRandom().sample(room, len(room)):
        if port not in _given and is_free(port):
            found.append(port)
            if len(found) == count:
                _given.extend(found)
                return found
    raise PortTakenError(f"no {count} free ports are left for this process among {len(room)}")


def holder(port: int) -> str:
    """``name (pid N)`` of the process that listens on ``port``, as far as this user may see it."""
    with contextlib.suppress(psutil.AccessDenied):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", None) == port:
                if connection.pid is None:
                    break
                with contextlib.suppress(psutil.NoSuchProcess):
                    return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another process"


def require_free(ports: Iterable[int]) -> None:
    """Refuse to start where somebody else listens.

    Raises:
        PortTakenError: naming port, holder and what to do.
    """
    taken = [port for port in ports if not is_free(port)]
    if taken:
        lines = "\n".join(f"  {port}: {holder(port)}" for port in taken)
        raise PortTakenError(
            f"these ports are taken:\n{lines}\nstop what listens there, or choose others: "
            "`marquee stack up --port-base N` (`DEMO_PORT_BASE=N make demo`)"
        )
