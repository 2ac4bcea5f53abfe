"""Real services for a benchmark, in a temporary directory, gone when it ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from deploy.stack.kafka import KafkaBroker
from deploy.stack.milvus import MilvusServer
from deploy.stack.ports import free_ports
from deploy.stack.process import STACK_ID, ManagedProcess, end_all, leftovers
from deploy.stack.torchserve import TorchServe
from streaming.settings import (
    ErasureSettings,
    GatewaySettings,
    InternalSettings,
    MilvusSettings,
    Settings,
    TorchServeSettings,
)
from streaming.topics import fixed_topics
from streaming.topics.admin import ensure
from tests.support import settings_env

TOKEN = "root:benchmark"
API_KEY = "benchmark"
Answer = TypeVar("Answer")


@contextlib.contextmanager
def services(*, milvus: bool = False, torchserve: bool = False, **changes: Any) -> Iterator[Settings]:
    """Settings that reach a fresh broker (and Milvus Lite, and TorchServe), all topics created.

    Args:
        changes: fields of :class:`Settings` to set besides.
    """
    # else nothing would be ended
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="marquee-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        # what is started from here bears the mark by which leftovers are found
        os.environ[STACK_ID] = folder
        port, controller, milvus_port, gateway_port, *serving = free_ports(7)
        broker = KafkaBroker(home / "kafka", port, controller, stack_id=folder)
        server = MilvusServer(home / "milvus", milvus_port, TOKEN, stack_id=folder)
        encoder = TorchServe(home / "torchserve", home / "models", *serving, stack_id=folder)
        asked: list[tuple[bool, ManagedProcess]] = [(True, broker), (milvus, server), (torchserve, encoder)]
        started = [service for wanted, service in asked if wanted]
        try:
            for service in started:
                service.start()
            for service in started:
                service.wait_healthy()
            settings = Settings(
                namespace=f"b{secrets.token_hex(4)}",
                home=home,
                kafka={"bootstrap.servers": broker.bootstrap},
                milvus=MilvusSettings(uri=server.uri, token=SecretStr(TOKEN)),
                erasure=ErasureSettings(key=SecretStr(secrets.token_hex(16))),
                internal=InternalSettings(token=SecretStr(secrets.token_hex(16))),
                torchserve=TorchServeSettings(
                    inference_url=encoder.inference_url, management_url=encoder.management_url
                ),
                gateway=GatewaySettings(
                    port=gateway_port,
                    url=f"http://127.0.0.1:{gateway_port}",
                    api_key=SecretStr(API_KEY),
                    reranker=False,
                ),
                **changes,
            )
            ensure(settings, fixed_topics(settings))
            yield settings
        finally:
            for service in reversed(started):
                service.stop()
            end_all(leftovers(folder), 3.0)


def start(settings: Settings, *arguments: str, instance: str = "0") -> subprocess.Popen[bytes]:
    """``marquee run ...`` as a child; its output goes to ``<home>/<name>.log``."""
    log = settings.home / f"{'-'.join(arguments)}-{instance}.log"
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "run", *arguments, "--instance", instance],
            env={**os.environ, **settings_env(settings)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def end(process: subprocess.Popen[bytes]) -> float:
    """SIGTERM and wait; the seconds it took."""
    started = time.monotonic()
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return time.monotonic() - started


@contextlib.contextmanager
def running(settings: Settings, *processes: Sequence[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """``marquee run`` of each of ``processes`` (as ``("space", id)``), ended at the end."""
    children: list[subprocess.Popen[bytes]] = []
    try:
        for arguments in processes:
            children.append(start(settings, *arguments))
        yield children
    finally:
        for child in reversed(children):
            end(child)


def gateway_client(settings: Settings) -> httpx.Client:
    """Keep-alive HTTP to the gateway, with its key; ready when this returns.

    Raises:
        TimeoutError: the gateway is not ready within two minutes.
    """
    http = httpx.Client(
        base_url=settings.gateway.url, headers={"x-api-key": API_KEY}, timeout=60, trust_env=False
    )

    def ready() -> bool:
        try:
            return http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    wait_for(ready, 120, "the gateway is ready")
    return http


def wait_for(probe: Callable[[], Answer], timeout_s: float, what: str, pause_s: float = 0.1) -> Answer:
    """The first truthy answer of ``probe``. Raises TimeoutError, saying ``what`` did not come."""
    deadline = time.monotonic() + timeout_s
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s: {what}")
        time.sleep(pause_s)
    return answer
