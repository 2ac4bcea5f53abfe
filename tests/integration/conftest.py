"""Real Kafka, Milvus and TorchServe, started once for the run when the first test asks for them.

Each lives under a temporary directory and is ended with everything it started, also after Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.stack.kafka import KafkaBroker
from deploy.stack.milvus import MilvusServer
from deploy.stack.ports import free_ports
from deploy.stack.process import end_all, leftovers
from deploy.stack.torchserve import TorchServe
from streaming.settings import MilvusSettings, Settings, TorchServeSettings
from streaming.topics import fixed_topics
from streaming.topics.admin import ensure
from tests.integration.services import running
from tests.support import MarqueeProcess

MILVUS_TOKEN = "root:tests"


@pytest.fixture(scope="session")
def stack_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the run's services live; at the end nothing that was started under it is left."""
    directory = tmp_path_factory.mktemp("services")
    yield directory
    end_all(leftovers(str(directory)), 3.0)


@pytest.fixture(scope="session")
def kafka_service(stack_dir: Path) -> Iterator[KafkaBroker]:
    """The run's broker. Clean-up of logs is quick; when it happens is up to each topic's configuration."""
    port, controller = free_ports(2)
    broker = KafkaBroker(
        stack_dir / "kafka",
        port,
        controller,
        options={"log.retention.check.interval.ms": "1000", "log.segment.delete.delay.ms": "1000"},
        stack_id=str(stack_dir),
    )
    with running(broker):
        yield broker


@pytest.fixture
def kafka(kafka_service: KafkaBroker) -> KafkaBroker:
    """The run's broker, healthy: a test before may have killed it."""
    kafka_service.start()
    kafka_service.wait_healthy()
    return kafka_service


@pytest.fixture(scope="session")
def milvus_service(stack_dir: Path) -> Iterator[MilvusServer]:
    """The run's Milvus Lite."""
    (port,) = free_ports(1)
    server = MilvusServer(stack_dir / "milvus", port, MILVUS_TOKEN, stack_id=str(stack_dir))
    with running(server):
        yield server


@pytest.fixture
def milvus(milvus_service: MilvusServer) -> MilvusServer:
    """The run's Milvus Lite (``.uri``, ``.token``), healthy."""
    milvus_service.start()
    milvus_service.wait_healthy()
    return milvus_service


@pytest.fixture(scope="session")
def torchserve_service(stack_dir: Path) -> Iterator[TorchServe]:
    """The run's TorchServe; it loads packages that lie under ``.models``."""
    server = TorchServe(
        stack_dir / "torchserve", stack_dir / "models", *free_ports(3), stack_id=str(stack_dir)
    )
    with running(server):
        yield server


@pytest.fixture
def torchserve(torchserve_service: TorchServe) -> TorchServe:
    """The run's TorchServe (``.inference_url``, ``.management_url``), running."""
    torchserve_service.start()
    torchserve_service.wait_healthy()
    return torchserve_service


@pytest.fixture
def settings(bare_settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Settings that reach the services the test asks for by name, in a namespace of its own.

    ``kafka`` always; ``milvus`` and ``torchserve`` where they are among the test's fixtures. Built packages
    are shared by the run where TorchServe is asked for (it loads from there only).
    """
    update: dict[str, object] = {}
    broker: KafkaBroker = request.getfixturevalue("kafka")
    update["kafka"] = {"bootstrap.servers": broker.bootstrap}
    if "milvus" in request.fixturenames:
        server: MilvusServer = request.getfixturevalue("milvus")
        update["milvus"] = MilvusSettings(uri=server.uri, token=SecretStr(server.token))  # type: ignore[call-arg]
    if "torchserve" in request.fixturenames:
        serving: TorchServe = request.getfixturevalue("torchserve")
        update["models_url"] = str(serving.models)
        update["torchserve"] = TorchServeSettings(  # type: ignore[call-arg]
            inference_url=serving.inference_url, management_url=serving.management_url
        )
    return bare_settings.model_copy(update=update)


@pytest.fixture
def ensured(settings: Settings) -> Settings:
    """The same settings, with all fixed topics created."""
    ensure(settings, fixed_topics(settings))
    return settings


Spawn = Callable[..., MarqueeProcess]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """``spawn("ledger", settings, instance="1")``, ``spawn("space", space_id, settings)``: a process.

    All are ended after the test. Keyword ``environment`` adds variables.
    """
    started: list[MarqueeProcess] = []

    def start(
        *what: str | Settings, instance: str = "0", environment: dict[str, str] | None = None
    ) -> MarqueeProcess:
        (settings,) = (w for w in what if isinstance(w, Settings))
        words = [w for w in what if isinstance(w, str)]
        process = MarqueeProcess([*words, "--instance", instance], settings, environment or {})
        started.append(process)
        return process

    yield start
    for process in started:
        process.close()
        # shown by pytest where the test failed
        print(process.ending())
