"""The daemon behind ``marquee stack``: keeps every wanted service up until SIGTERM.

``python -m deploy.stack.supervisor HOME PORT_BASE``. It follows ``wanted.json`` (what was asked for) and
``control.v1`` (which spaces need a worker), and writes ``state.json`` (what it sees).
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.stack.erasures import ErasureDeadlines
from deploy.stack.follow import Follower
from deploy.stack.keeper import Keeper, nothing
from deploy.stack.layout import Layout, layout_of, load_secrets, read_json, write_private
from deploy.stack.process import ManagedProcess
from deploy.stack.registrar import Registrar
from deploy.stack.services import NEEDS, SPACE_PREFIX, SPACES, STOP_ORDER, group_of, make_service
from streaming.control.documents import SpaceDocument
from streaming.observability.logging import configure_logging, get_logger
from streaming.settings import Settings, load_settings
from streaming.topics import fixed_topics
from streaming.topics.admin import ensure

TICK_S = 0.25
REGISTER_EVERY_S = 1.0

log = get_logger(__name__)


class Supervisor:
    """All keepers of one stack."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self._layout, self._settings = layout, settings
        self._secrets, _ = load_secrets(layout)
        self._wanted: list[str] = []
        self._keepers: dict[str, Keeper] = {}
        self._leaving: list[threading.Thread] = []
        self._follower = Follower(settings, lambda: ensure(settings, fixed_topics(settings)))
        self._registrar = Registrar(layout, settings, lambda: self._follower.live)
        self._erasures = ErasureDeadlines(settings, self._milvus_spaces)
        self._following = False
        self._stop = threading.Event()
        self._started_at = time.time()

    def run(self) -> None:
        """Keep everything up until :meth:`stop`, then stop everything."""
        threading.Thread(target=self._register, name="register", daemon=True).start()
        self._erasures.start()
        try:
            while not self._stop.is_set():
                self._tick()
                self._stop.wait(TICK_S)
        finally:
            self._stop.set()
            self._stop_all()

    def stop(self) -> None:
        """Ask :meth:`run` to end."""
        self._stop.set()

    # --- what should be there -------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._wanted = (read_json(self._layout.wanted_file) or {}).get("services", self._wanted)
        for name in self._wanted:
            if name != SPACES and name not in self._keepers:
                self._keep(name)
        if not self._following and self._healthy("kafka"):
            self._following = True
            self._follower.start()
        if SPACES in self._wanted and self._follower.known:
            self._match_spaces()
        self._write_state()

    def _match_spaces(self) -> None:
        """One worker per live space, none for others."""
        names = {SPACE_PREFIX + space for space in self._follower.live}
        for name in names - self._keepers.keys():
            self._keep(name)
        for name in {n for n in self._keepers if group_of(n) == SPACES} - names:
            leaving = threading.Thread(target=self._keepers.pop(name).stop, name=f"stop-{name}")
            leaving.start()
            self._leaving.append(leaving)
        self._leaving = [thread for thread in self._leaving if thread.is_alive()]

    def _keep(self, name: str) -> None:
        group = group_of(name)
        service = make_service(name, self._layout, self._secrets, self._settings, self._follower.presence)
        keeper = Keeper(
            service,
            self._layout.ports(name),
            ready=lambda first: self._ready(group, first=first),
            before=self._registrar.forget if name == "torchserve" else nothing,
            also=(lambda: self._model_there(service)) if group == SPACES else nothing,
            hangs=name in {"kafka", "milvus", "torchserve"},
        )
        self._keepers[name] = keeper
        keeper.start()

    # --- what needs what ------------------------------------------------------------------------------------

    def _healthy(self, name: str) -> bool:
        return name in self._keepers and self._keepers[name].healthy

    def _ready(self, group: str, *, first: bool) -> bool:
        """What the group needs is healthy, where this stack has it; else it lies elsewhere.

        What comes back after a crash waits for Kafka only: it copes with the others being away.
        """
        needs = NEEDS[group] if first else tuple(n for n in NEEDS[group] if n == "kafka")
        if "kafka" in needs and "kafka" in self._wanted and not self._follower.known:
            return False
        return all(self._healthy(name) for name in needs if name in self._wanted)

    def _milvus_spaces(self) -> Mapping[str, SpaceDocument] | None:
        """Live spaces whose rows lie in this stack's Milvus Lite, once it and they are there."""
        if "milvus" not in self._wanted or not self._healthy("milvus") or not self._follower.known:
            return None
        return self._follower.live

    def _model_there(self, worker: ManagedProcess) -> None:
        if "torchserve" in self._wanted:
            self._registrar.check(worker.name.removeprefix(SPACE_PREFIX))

    def _register(self) -> None:
        """Give TorchServe what live spaces need, after its start and as spaces appear."""
        while not self._stop.wait(REGISTER_EVERY_S):
            if self._healthy("torchserve"):
                self._registrar.give()

    # --- what is there --------------------------------------------------------------------------------------

    def _write_state(self) -> None:
        write_private(
            self._layout.state_file,
            {
                "home": str(self._layout.home),
                "port_base": self._layout.port_base,
                "namespace": self._settings.namespace,
                "supervisor": {"pid": os.getpid(), "uptime_s": round(time.time() - self._started_at, 1)},
                "spaces_known": self._follower.known,
                "wanted": self._wanted,
                "at": time.time(),
                "services": [keeper.status() for keeper in self._keepers.values()],
            },
        )

    def _stop_all(self) -> None:
        log.info("stopping")
        self._erasures.stop()
        self._follower.stop()
        for groups in STOP_ORDER:
            keepers = [keeper for name, keeper in self._keepers.items() if group_of(name) in groups]
            threads = [threading.Thread(target=keeper.stop) for keeper in keepers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for thread in self._leaving:
            thread.join()
        log.info("stopped")


def lock(layout: Layout) -> int | None:
    """Take the supervisor's lock (on the folder itself: it leaves no file behind); None if it is taken."""
    layout.stack.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(layout.stack, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    home, port_base = sys.argv[1:]
    layout = layout_of(Path(home), int(port_base))
    settings = load_settings(home=layout.home)
    configure_logging(settings, "supervisor")
    if lock(layout) is None:
        sys.exit("another supervisor holds this stack")
    supervisor = Supervisor(layout, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    supervisor.run()


if __name__ == "__main__":
    main()
