"""One pipeline a module: its faults follow each other, as they do in service."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.stack.kafka import KafkaBroker
from deploy.stack.milvus import MilvusServer
from deploy.stack.ports import free_ports
from streaming.settings import (
    ErasureSettings,
    InternalSettings,
    MilvusSettings,
    Settings,
    SpaceSettings,
)
from streaming.topics import fixed_topics
from streaming.topics.admin import ensure
from tests.conftest import QUICK_SESSION
from tests.integration.pipeline.world import PASS_S, Pipeline
from tests.integration.services import running
from tests.integration.space.world import World
from tests.support import run_seed

MILVUS_TIMEOUT_S = 3.0
"""Of every call: a Milvus that hangs shows sooner than in service."""


@pytest.fixture(scope="module")
def module_rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers that belong to this module and this run's seed."""
    return random.Random(f"{run_seed()}/{request.node.nodeid}")


@pytest.fixture(scope="module")
def own_kafka(stack_dir: Path, request: pytest.FixtureRequest) -> Iterator[KafkaBroker]:
    """A broker that is killed here: the run's holds thousands of logs, which it reads first to come back."""
    name = f"kafka-{request.node.name.rpartition('/')[2]}"
    options = {"log.retention.check.interval.ms": "1000", "log.segment.delete.delay.ms": "1000"}
    broker = KafkaBroker(stack_dir / name, *free_ports(2), options=options, stack_id=str(stack_dir))
    with running(broker):
        yield broker


@pytest.fixture(scope="module")
def module_settings(
    own_kafka: KafkaBroker, milvus_service: MilvusServer, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """As the function-scoped ``settings``, for a whole module; all fixed topics are there."""
    milvus_service.start()
    milvus_service.wait_healthy()
    settings = Settings(
        namespace=f"t{secrets.token_hex(5)}",
        home=tmp_path_factory.mktemp("pipeline"),
        data=Path(os.environ.get("MARQUEE_DATA", "../shared/data")),
        session=QUICK_SESSION,
        erasure=ErasureSettings(key=SecretStr(secrets.token_hex(16))),
        internal=InternalSettings(token=SecretStr(secrets.token_hex(16))),
        kafka={"bootstrap.servers": own_kafka.bootstrap},
        milvus=MilvusSettings(
            uri=milvus_service.uri, token=SecretStr(milvus_service.token), timeout_s=MILVUS_TIMEOUT_S
        ),
        space=SpaceSettings(reconcile_interval_s=PASS_S),
    )
    ensure(settings, fixed_topics(settings))
    return settings


@pytest.fixture(scope="module")
def pipeline(
    module_settings: Settings,
    own_kafka: KafkaBroker,
    milvus_service: MilvusServer,
    module_rng: random.Random,
) -> Iterator[Pipeline]:
    """Ratings through the ledger; item vectors straight into their topic."""
    world = World(module_settings, module_rng)
    made = Pipeline(world, own_kafka, milvus_service, world.put_item, world.remove_item)
    try:
        made.begin(module_rng)
        yield made
    finally:
        made.close()
