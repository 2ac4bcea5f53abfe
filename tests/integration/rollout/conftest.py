"""A house with real packages."""

from __future__ import annotations

import random
import secrets

import pytest
from pydantic import SecretStr

from deploy.stack.kafka import KafkaBroker
from deploy.stack.milvus import MilvusServer
from deploy.stack.torchserve import TorchServe
from streaming.settings import ErasureSettings, InternalSettings, MilvusSettings, Settings
from tests.conftest import QUICK_SESSION
from tests.integration.conftest import Spawn
from tests.integration.encoder.conftest import tiny  # noqa: F401 - the run's tiny package
from tests.integration.encoder.tiny import Tiny
from tests.integration.rollout.house import House


@pytest.fixture(scope="module")
def module_settings(
    kafka_service: KafkaBroker, milvus_service: MilvusServer, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """As the function-scoped ``settings``, for a whole module."""
    kafka_service.start()
    kafka_service.wait_healthy()
    milvus_service.start()
    milvus_service.wait_healthy()
    return Settings(
        namespace=f"t{secrets.token_hex(5)}",
        home=tmp_path_factory.mktemp("rollout"),
        session=QUICK_SESSION,
        erasure=ErasureSettings(key=SecretStr(secrets.token_hex(16))),
        internal=InternalSettings(token=SecretStr(secrets.token_hex(16))),
        kafka={"bootstrap.servers": kafka_service.bootstrap},
        milvus=MilvusSettings(uri=milvus_service.uri, token=SecretStr(milvus_service.token)),
    )


@pytest.fixture
def house(
    ensured: Settings,
    milvus: MilvusServer,
    torchserve: TorchServe,
    tiny: Tiny,  # noqa: F811
    spawn: Spawn,
    monkeypatch: pytest.MonkeyPatch,
    rng: random.Random,
) -> House:
    """Films and ratings are there, and a ledger; no space yet."""
    made = House(ensured, tiny, spawn, monkeypatch, rng)
    made.fill()
    made.ledger = spawn("ledger", ensured)
    return made
