"""Which services a stack has, what each needs, and how each is made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deploy.stack.kafka import KafkaBroker
from deploy.stack.layout import Layout, Secrets
from deploy.stack.milvus import MilvusServer
from deploy.stack.own import Gateway, Presence, Worker
from deploy.stack.process import ManagedProcess
from deploy.stack.torchserve import TorchServe
from streaming.exceptions import ConfigurationError
from streaming.settings import Settings

SPACES = "spaces"
"""Stands for one worker per live space."""

SERVICES = ("kafka", "milvus", "torchserve", "ledger", SPACES, "gateway")
NEEDS: dict[str, tuple[str, ...]] = {
    "kafka": (),
    "milvus": (),
    "torchserve": (),
    "ledger": ("kafka",),
    SPACES: ("kafka", "milvus", "torchserve"),
    "gateway": ("kafka", "milvus"),
}
STOP_ORDER = (("gateway",), ("ledger", SPACES), ("torchserve", "milvus"), ("kafka",))
SPACE_PREFIX = "space-"


def choose(only: Iterable[str]) -> list[str]:
    """The services asked for, in the order of their start; all without ``only``.

    Raises:
        ConfigurationError: a name is none of ours.
    """
    names = set(only)
    unknown = names - set(SERVICES)
    if unknown:
        raise ConfigurationError(
            f"no such service: {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}"
        )
    return [name for name in SERVICES if not names or name in names]


def group_of(keeper: str) -> str:
    """The service that a keeper belongs to: its own name, or ``spaces``."""
    return SPACES if keeper.startswith(SPACE_PREFIX) else keeper


def make_service(
    name: str, layout: Layout, keys: Secrets, settings: Settings, presence: Presence
) -> ManagedProcess:
    """The service ``name``, or the worker of ``space-<id>``; nothing is started."""
    if name == "kafka":
        return KafkaBroker(
            layout.stack / "kafka",
            layout.port("kafka"),
            layout.port("kafka_controller"),
            log_dir=layout.logs,
            stack_id=layout.stack_id,
        )
    if name == "milvus":
        return MilvusServer(
            layout.stack / "milvus",
            layout.port("milvus"),
            keys.milvus_token,
            log_dir=layout.logs,
            stack_id=layout.stack_id,
        )
    if name == "torchserve":
        return TorchServe(
            layout.stack / "torchserve",
            Path(settings.models),
            layout.port("inference"),
            layout.port("management"),
            layout.port("ts_metrics"),
            log_dir=layout.logs,
            stack_id=layout.stack_id,
        )
    token = settings.internal.token.get_secret_value()
    if name == "gateway":
        return Gateway(layout, settings.gateway.url)
    if name == "ledger":
        return Worker(name, ["ledger"], layout, "ledger", token, presence)
    space = name.removeprefix(SPACE_PREFIX)
    return Worker(name, ["space", space], layout, f"space:{space}", token, presence)
