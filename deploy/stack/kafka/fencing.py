"""Before a single node comes back from a kill: its former session is ended in the metadata first.

A node that starts from metadata which still say that it leads its partitions (Kafka 4.3) loads its
transactions at once, and sends their markers while no partition has a leader: until the former session has
ended and the new one is let in. Such markers are skipped ("these partitions are likely deleted already").
The transaction then stays open in its partitions for good, holds up their readers, and is taken in or thrown
away with the same producer's next one. So the controller runs alone first, until it has fenced the broker.
Where there are more voters than one, the others do it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.stack.exceptions import UnhealthyError
from deploy.stack.kafka.jars import java, kafka_jars
from deploy.stack.process import ManagedProcess

SESSION_MS = 500
NOTHING_TO_FENCE_S = 2.0
"""An active controller that fences nobody for so long finds the broker fenced already."""
KEPT = (
    "node.id",
    "controller.quorum.voters",
    "controller.listener.names",
    "listener.security.protocol.map",
    "log.dirs",
)


def stopped_cleanly(data: Path) -> bool:
    """Whether the node whose log directory is ``data`` had the time to say goodbye, or never ran."""
    return (data / ".kafka_cleanshutdown").exists() or not (data / "__cluster_metadata-0").exists()


class FencingController(ManagedProcess):
    """The node's controller without its broker; healthy once the broker is fenced.

    Args:
        properties: of the node.
        controller: ``host:port`` of its controller listener.
    """

    start_timeout_s = 30.0

    def __init__(
        self, name: str, directory: Path, properties: Mapping[str, str], controller: str, stack_id: str
    ) -> None:
        super().__init__(name, directory, stack_id=stack_id)
        self._node, self._controller = properties, controller
        self._active_since = 0.0

    def prepare(self) -> None:
        """Write the properties of a controller alone, whose sessions are short."""
        self.log_path.unlink(missing_ok=True)
        self._active_since = 0.0
        own = {
            **{name: self._node[name] for name in KEPT},
            "process.roles": "controller",
            "listeners": f"CONTROLLER://{self._controller}",
            "broker.session.timeout.ms": str(SESSION_MS),
            "broker.heartbeat.interval.ms": str(SESSION_MS // 5),
        }
        path = self._properties_path
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in own.items()))

    @property
    def _properties_path(self) -> Path:
        return self.directory / f"{self.name}.properties"

    def command(self) -> Sequence[str]:
        """One JVM, for seconds; what it fences is read from its log."""
        options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dorg.apache.logging.log4j.level=INFO"]
        return [java(), *options, "-cp", f"{kafka_jars()}/*", "kafka.Kafka", str(self._properties_path)]

    def health(self) -> str:
        """Whether the broker is fenced. Raises UnhealthyError."""
        super().health()
        said = self.log_path.read_text(errors="replace")
        if "handleBrokerFenced: changing" in said and "fenced=1" in said.rpartition("handleBrokerFenced")[2]:
            return "fenced"
        if "Becoming the active controller" in said:
            self._active_since = self._active_since or time.monotonic()
            if time.monotonic() - self._active_since > NOTHING_TO_FENCE_S:
                return "nothing to fence"
        raise UnhealthyError(f"{self.name} has not ended the broker's former session yet")
