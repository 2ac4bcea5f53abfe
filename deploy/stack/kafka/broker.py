"""One Apache Kafka node in KRaft mode (broker and controller in one JVM), and small clusters of them."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException, Producer

from deploy.stack.exceptions import StartError, UnhealthyError
from deploy.stack.kafka.fencing import FencingController, stopped_cleanly
from deploy.stack.kafka.jars import java, kafka_jars
from deploy.stack.kafka.security import Secured
from deploy.stack.ports import LOOPBACK
from deploy.stack.process import ManagedProcess

JVM = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseG1GC",
    # the optimising compiler takes half a core for the first minute under load and twice the CPU of a start;
    # a broker of one node gets a fifth of its CPU back by it later
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Dorg.apache.logging.log4j.level=WARN",
)
HEALTH_TIMEOUT_S = 3.0
HEALTH_OPTIONS: Mapping[str, str | int] = {
    "log_level": 0,
    # a broker that is back is seen at once: by default a client stays away for up to 15 s after each failure
    "reconnect.backoff.max.ms": 500,
}
FENCING_STOP_S = 0.5
OFFSETS_TOPIC = "__consumer_offsets"
"""Any topic does: its metadata names the nodes, and asking for one spares the others."""

OPTIONS: Mapping[str, str] = {
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.num.partitions": "8",
    "group.initial.rebalance.delay.ms": "0",
    # after a kill -9 a node is let in again only when its former session has ended
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # tests shorten sessions
    "group.min.session.timeout.ms": "500",
    # an open transaction of a killed producer holds up its readers until it is cleaned up
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # a month: a ledger that was away for weeks still knows where it stood
    "offsets.retention.minutes": "43200",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.cleaner.backoff.ms": "1000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
}


class KafkaBroker(ManagedProcess):
    """One node.

    Args:
        port, controller_port: of the client and the controller listener, on loopback.
        node, voters: this node's number and ``{number: controller_port}`` of all; one node by default.
        options: broker properties that override ``OPTIONS``.
        secured: adds a SASL_SSL listener.
    """

    stop_timeout_s = 20.0
    # after a kill every log is looked through first: with some thousand partitions that takes over a minute
    start_timeout_s = 240.0

    def __init__(
        self,
        directory: Path,
        port: int,
        controller_port: int,
        *,
        node: int = 1,
        voters: Mapping[int, int] | None = None,
        cluster_id: str = "",
        options: Mapping[str, str] | None = None,
        secured: Secured | None = None,
        name: str = "kafka",
        log_dir: Path | None = None,
        stack_id: str = "",
    ) -> None:
        super().__init__(name, directory, log_dir=log_dir, stack_id=stack_id)
        self.port, self.controller_port, self.node = port, controller_port, node
        self.voters = dict(voters or {node: controller_port})
        self.secured = secured
        self._cluster_id, self._options = cluster_id, dict(options or {})
        self._client: Producer | None = None

    @property
    def bootstrap(self) -> str:
        """For ``bootstrap.servers``."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def data(self) -> Path:
        """The node's log directory."""
        return self.directory / "data"

    def properties(self) -> dict[str, str]:
        """The node's configuration."""
        replicas = len(self.voters)
        enough = str(min(replicas, 2))
        listeners = {"PLAINTEXT": self.port}
        if self.secured:
            listeners["SASL_SSL"] = self.secured.port
        addresses = [f"{name}://{LOOPBACK}:{port}" for name, port in listeners.items()]
        return {
            "process.roles": "broker,controller",
            "node.id": str(self.node),
            "controller.quorum.voters": ",".join(
                f"{n}@{LOOPBACK}:{p}" for n, p in sorted(self.voters.items())
            ),
            "listeners": ",".join([*addresses, f"CONTROLLER://{LOOPBACK}:{self.controller_port}"]),
            "advertised.listeners": ",".join(addresses),
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
            "log.dirs": str(self.data),
            "default.replication.factor": str(replicas),
            "min.insync.replicas": enough,
            "offsets.topic.replication.factor": str(replicas),
            "transaction.state.log.replication.factor": str(replicas),
            "transaction.state.log.min.isr": enough,
            "share.coordinator.state.topic.replication.factor": str(replicas),
            "share.coordinator.state.topic.min.isr": enough,
            **(self.secured.broker_options() if self.secured else {}),
            **OPTIONS,
            **self._options,
        }

    @property
    def _properties_path(self) -> Path:
        return self.directory / "server.properties"

    def prepare(self) -> None:
        """Write the properties, and format the log directory once; after a kill, end the former session."""
        self._properties_path.touch(mode=0o600)
        lines = "".join(f"{name}={value}\n" for name, value in self.properties().items())
        self._properties_path.write_text(lines)
        if (self.data / "meta.properties").exists():
            if len(self.voters) == 1 and not stopped_cleanly(self.data):
                self._end_former_session()
            return
        shutil.rmtree(self.data, ignore_errors=True)  # a format that was killed half-way
        cluster = self._cluster_id or new_cluster_id()
        tool = [java(), "-cp", f"{kafka_jars()}/*", "kafka.tools.StorageTool", "format"]
        run = subprocess.run(
            [*tool, "-t", cluster, "-c", str(self._properties_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise StartError(f"Kafka's log directory could not be formatted:\n{run.stdout}{run.stderr}")

    def _end_former_session(self) -> None:
        controller = FencingController(
            f"{self.name}-fencing",
            self.directory,
            self.properties(),
            f"{LOOPBACK}:{self.controller_port}",
            self.stack_id,
        )
        controller.start()
        try:
            controller.wait_healthy()
        finally:
            # what it wrote is in the log; an orderly end would wait for a broker that is not there
            controller.stop(FENCING_STOP_S)

    def command(self) -> Sequence[str]:
        """One JVM."""
        return [java(), *JVM, "-cp", f"{kafka_jars()}/*", "kafka.Kafka", str(self._properties_path)]

    def health(self) -> str:
        """Ask for metadata: answered by what the controller told the broker, not by an open port."""
        super().health()
        if self._client is None:
            # not by the admin API: an answer to it that comes late can abort the process, here the supervisor
            self._client = Producer({**HEALTH_OPTIONS, "bootstrap.servers": self.bootstrap})
        try:
            nodes = self._client.list_topics(OFFSETS_TOPIC, HEALTH_TIMEOUT_S).brokers
        except KafkaException as error:
            raise UnhealthyError(f"Kafka does not describe its cluster: {error}") from None
        if all(node.port != self.port for node in nodes.values()):
            raise UnhealthyError(f"the node on port {self.port} is not part of the cluster yet")
        return f"{len(nodes)} of {len(self.voters)} nodes"


class KafkaCluster:
    """Several nodes of one cluster, for tests that need replicas.

    Args:
        ports: two for each node.
    """

    def __init__(
        self,
        directory: Path,
        ports: Sequence[int],
        *,
        options: Mapping[str, str] | None = None,
        stack_id: str = "",
    ) -> None:
        count = len(ports) // 2
        voters = {n + 1: ports[2 * n + 1] for n in range(count)}
        cluster = new_cluster_id()
        self.nodes = [
            KafkaBroker(
                directory / f"node{n + 1}",
                ports[2 * n],
                ports[2 * n + 1],
                node=n + 1,
                voters=voters,
                cluster_id=cluster,
                options=options,
                name=f"kafka-{n + 1}",
                stack_id=stack_id or str(directory.absolute()),
            )
            for n in range(count)
        ]

    @property
    def bootstrap(self) -> str:
        """For ``bootstrap.servers``: every node."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> None:
        """Start all; returns before they are healthy."""
        for node in self.nodes:
            node.start()

    def wait_healthy(self, timeout_s: float = 90.0) -> None:
        """Wait until every node knows all others."""
        for node in self.nodes:
            node.wait_healthy(timeout_s)

    def stop(self) -> None:
        """Stop all; the last ones have no quorum to say goodbye to, so they get little time."""
        for index, node in enumerate(self.nodes):
            node.stop(5.0 if index == 0 else 2.0)


def new_cluster_id() -> str:
    """A random id in Kafka's own form: 22 characters of base64url."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # one in 64 begins with a hyphen, which the storage tool takes for an option
        if not made.startswith("-"):
            return made
