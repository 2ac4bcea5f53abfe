"""Bringing a stack up and down, and saying how it is: what ``marquee stack`` does, without its words."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from deploy.stack.exceptions import StartError
from deploy.stack.kafka.jars import java, kafka_jars
from deploy.stack.layout import (
    DEFAULT_PORT_BASE,
    Layout,
    layout_of,
    load_secrets,
    read_json,
    stack_settings,
    write_private,
)
from deploy.stack.ports import require_free
from deploy.stack.process import SERVICE, STACK_ID, end_all, leftovers
from deploy.stack.services import SERVICES, SPACE_PREFIX, SPACES, choose
from deploy.stack.supervisor import lock
from streaming.exceptions import ConfigurationError
from streaming.settings import load_settings

DOWN_TIMEOUT_S = 60.0
LEFTOVER_GRACE_S = 5.0
STALE_STATE_S = 15.0
POLL_S = 0.2

State = dict[str, Any]


@dataclass(frozen=True)
class Up:
    """What ``up`` came to."""

    state: State
    already: bool
    """Everything was healthy before."""
    new_api_key: str | None
    """Only the first time: it is not shown again."""


def up(
    home: Path,
    only: tuple[str, ...] = (),
    port_base: int | None = None,
    timeout_s: float = 300.0,
    progress: Callable[[State, list[str]], None] = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
) -> Up:
    """Start what is asked for and is not there; returns when all of it is healthy.

    Args:
        progress: called with the state and the services waited for, several times a second.
        note: called with a line before each thing that takes long.

    Raises:
        ConfigurationError: unknown service, port taken, tool missing, running with other ports.
        StartError: not healthy in time; what is up stays up.
    """
    services = choose(only)
    with _command_lock(home):
        running = supervisor_pid(home) is not None
        before = read_json(layout_of(home).state_file) or {}
        last = read_json(layout_of(home).ports_file) or {}
        base = _port_base(before if running else last, running, port_base)
        layout = layout_of(home, base)
        wanted = services
        new_key = None
        if running:
            asked = set(services) | set((read_json(layout.wanted_file) or {}).get("services", []))
            wanted = [name for name in SERVICES if name in asked]
            already = _waiting(before, wanted) == []
        else:
            already = False
            new_key = _prepare(layout, wanted, note)
        if "kafka" in services and not already:
            note("fetching Apache Kafka (once)")
            kafka_jars()
        write_private(layout.wanted_file, {"services": wanted})
        write_private(layout.ports_file, {"port_base": base})
        if not running:
            _spawn(layout)
    state = _await_healthy(layout, services, timeout_s, progress)
    return Up(state, already, new_key)


def down(home: Path) -> int:
    """Stop everything of this home's stack, whatever died before; how many processes had to be ended
    that no supervisor stopped."""
    layout = layout_of(home)
    with _command_lock(home):
        pid = supervisor_pid(home)
        if pid is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                supervisor = psutil.Process(pid)
                supervisor.send_signal(signal.SIGCONT)
                supervisor.terminate()
                with contextlib.suppress(psutil.TimeoutExpired):
                    supervisor.wait(DOWN_TIMEOUT_S)
        left = leftovers(layout.stack_id)
        end_all(left, LEFTOVER_GRACE_S)
        for path in (layout.state_file, layout.wanted_file):
            path.unlink(missing_ok=True)
        for path in layout.stack.glob(".*.json.*"):
            path.unlink(missing_ok=True)
        shutil.rmtree(layout.stack / "torchserve" / "tmp", ignore_errors=True)
    return len(left)


def status(home: Path) -> State:
    """What the supervisor last saw; without one, ``supervisor`` is None and leftovers are listed."""
    layout = layout_of(home)
    pid = supervisor_pid(home)
    state = read_json(layout.state_file)
    if pid is not None and state is not None:
        if time.time() - state["at"] > STALE_STATE_S:
            state["supervisor"]["silent_s"] = round(time.time() - state["at"], 1)
        return state
    left = [{"pid": p.pid, "service": p.environ().get(SERVICE, "")} for p in leftovers(layout.stack_id)]
    return {"home": str(layout.home), "supervisor": None, "services": [], "leftovers": left}


def healthy(state: State) -> bool:
    """Whether everything that was asked for is up and answers."""
    supervisor: dict[str, Any] = state.get("supervisor") or {"silent_s": 0.0}
    return "silent_s" not in supervisor and _waiting(state, state["wanted"]) == []


def supervisor_pid(home: Path) -> int | None:
    """Of the living supervisor, known by its lock; None where there is none."""
    layout = layout_of(home)
    if not layout.stack.is_dir():
        return None
    descriptor = lock(layout)
    if descriptor is not None:
        os.close(descriptor)
        return None
    for process in leftovers(layout.stack_id, "supervisor"):
        return process.pid
    return None


def _port_base(before: State, running: bool, asked: int | None) -> int:
    current: int = before.get("port_base", DEFAULT_PORT_BASE)
    if not running:
        return current if asked is None else asked
    if asked is not None and asked != current:
        raise ConfigurationError(
            f"the stack runs with --port-base {current}; `marquee stack down` first, to move it to {asked}"
        )
    return current


def _prepare(layout: Layout, wanted: list[str], note: Callable[[str], None]) -> str | None:
    """Clear leftovers, look for tools and ports, write secrets and settings; the API key if it is new."""
    left = leftovers(layout.stack_id)
    if left:
        note(f"ending {len(left)} processes that an earlier stack left behind")
        end_all(left, LEFTOVER_GRACE_S)
    if {"kafka", "torchserve"} & set(wanted):
        java()
    require_free(port for name in wanted for port in layout.ports(name).values())
    keys, new = load_secrets(layout)
    namespace = load_settings(home=layout.home).namespace
    write_private(layout.settings_file, stack_settings(layout, keys, namespace))
    layout.state_file.unlink(missing_ok=True)
    return keys.api_key if new else None


def _spawn(layout: Layout) -> None:
    """Start the supervisor as a daemon: a session of its own, nothing inherited but its log."""
    layout.logs.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        STACK_ID: layout.stack_id,
        SERVICE: "supervisor",
        "MARQUEE_HOME": str(layout.home),
    }
    with (layout.logs / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.stack.supervisor", str(layout.home), str(layout.port_base)],
            cwd=layout.stack,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + 30
    while read_json(layout.state_file) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartError(f"the supervisor did not start; see {layout.logs / 'supervisor.log'}")
        time.sleep(POLL_S)


def _await_healthy(
    layout: Layout, services: list[str], timeout_s: float, progress: Callable[[State, list[str]], None]
) -> State:
    deadline = time.monotonic() + timeout_s
    while True:
        state = read_json(layout.state_file) or {"services": []}
        waiting = _waiting(state, services)
        progress(state, waiting)
        if not waiting:
            return state
        if time.monotonic() > deadline:
            known = {s["name"]: s for s in state["services"]}
            lines = [
                f"  {name}: {known[name]['state']}, {known[name]['health']} (log: {known[name]['log']})"
                if name in known
                else f"  {name}: not started"
                for name in waiting
            ]
            raise StartError(f"not healthy after {timeout_s:.0f} s:\n" + "\n".join(lines))
        if supervisor_pid(layout.home) is None:
            raise StartError(f"the supervisor ended; see {layout.logs / 'supervisor.log'}")
        time.sleep(POLL_S)


def _waiting(state: State, services: list[str]) -> list[str]:
    """Names of what is asked for and not healthy."""
    good = {s["name"] for s in state.get("services", []) if s["state"] == "healthy"}
    every = {s["name"] for s in state.get("services", [])}
    waiting = [name for name in services if name != SPACES and name not in good]
    if SPACES in services:
        waiting += sorted(name for name in every if name.startswith(SPACE_PREFIX) and name not in good)
        if not state.get("spaces_known", False):
            waiting.append(SPACES)
    return waiting


@contextlib.contextmanager
def _command_lock(home: Path) -> Iterator[None]:
    """One ``up`` or ``down`` at a time; on the folder itself, so that no file is left."""
    layout = layout_of(home)
    layout.home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(layout.home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
