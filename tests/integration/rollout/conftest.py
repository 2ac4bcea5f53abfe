"""A house with real packages."""

from __future__ import annotations

import random

import pytest

from deploy.stack.milvus import MilvusServer
from deploy.stack.torchserve import TorchServe
from streaming.settings import Settings
from tests.integration.conftest import Spawn
from tests.integration.encoder.conftest import tiny  # noqa: F401 - the run's tiny package
from tests.integration.encoder.tiny import Tiny
from tests.integration.rollout.house import House


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
    spawn("ledger", ensured)
    return made
