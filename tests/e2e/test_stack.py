"""The local stack by its commands: up, crash, restart, down; nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from deploy.stack.control import down, status
from deploy.stack.layout import PORTS
from deploy.stack.ports import TEST_PORTS, is_free
from deploy.stack.process import leftovers
from tests.support import until

PARTS = ("kafka", "milvus")


def marquee(home: Path, *arguments: str, timeout: float = 200) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MARQUEE_HOME": str(home)}
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def document(home: Path, *arguments: str) -> dict[str, Any]:
    result = marquee(home, *arguments, "--json")
    assert result.stdout, result.stderr
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def services(home: Path) -> dict[str, dict[str, Any]]:
    return {service["name"]: service for service in status(home)["services"]}


@pytest.fixture
def base(rng: Any) -> int:
    while True:
        base: int = rng.choice(TEST_PORTS)
        if all(is_free(base + offset) for offset in range(len(PORTS))):
            return base


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose stack is down after the test, whatever happened."""
    yield tmp_path
    down(tmp_path)
    assert leftovers(str(tmp_path)) == []


def up(home: Path, base: int, *only: str) -> dict[str, Any]:
    chosen = [word for name in only or PARTS for word in ("--only", name)]
    return document(home, "stack", "up", *chosen, "--port-base", str(base))


def gone(home: Path) -> None:
    """Nothing of the stack is left: no process, no lock, no word of what was there but its ports."""
    assert leftovers(str(home)) == []
    files = {path.name for path in (home / "stack").iterdir() if path.is_file()}
    assert files == {"ports.json", "secrets.json", "settings.json"}


def test_up_is_idempotent_and_down_leaves_nothing(home: Path, base: int) -> None:
    first = up(home, base)
    assert first["already"] is False
    assert first["api_key"].startswith("mq_"), "shown the first time"
    before = services(home)
    assert {name: s["state"] for name, s in before.items()} == {"kafka": "healthy", "milvus": "healthy"}
    assert before["kafka"]["ports"]["kafka"] == base + PORTS.index("kafka")
    assert before["kafka"]["rss_mb"] > 50
    assert AdminClient({"bootstrap.servers": f"127.0.0.1:{base + 1}"}).list_topics(timeout=5).brokers

    second = up(home, base)
    assert second["already"] is True
    assert second["api_key"] is None, "never shown again"
    assert {n: s["pid"] for n, s in services(home).items()} == {n: s["pid"] for n, s in before.items()}
    assert marquee(home, "stack", "status").returncode == 0
    assert marquee(home, "stack", "logs", "kafka", "-n", "5").stdout
    assert marquee(home, "stack", "logs", "nothing").returncode == 5
    refused = marquee(home, "stack", "up", "--only", "kafka", "--port-base", str(base + 20))
    assert (refused.returncode, f"--port-base {base}" in refused.stderr) == (2, True)

    assert marquee(home, "stack", "down").returncode == 0
    gone(home)
    assert marquee(home, "stack", "status").returncode == 1


def test_what_is_killed_comes_back(home: Path, base: int) -> None:
    up(home, base)
    before = services(home)
    for name in PARTS:
        os.kill(before[name]["pid"], signal.SIGKILL)
    until(
        lambda: all(s["state"] == "healthy" and s["restarts"] for s in services(home).values()),
        90,
        what="both are healthy again",
    )
    after = services(home)
    for name in PARTS:
        assert after[name]["pid"] != before[name]["pid"]
        assert after[name]["restarts"] == 1


def test_down_after_a_kill_of_the_supervisor_leaves_no_process(home: Path, base: int) -> None:
    up(home, base)
    os.kill(status(home)["supervisor"]["pid"], signal.SIGKILL)
    until(lambda: status(home)["supervisor"] is None, 10)
    left = document(home, "stack", "status")["leftovers"]
    assert {entry["service"] for entry in left} == set(PARTS), "the fault hit: its children live on"
    told = marquee(home, "stack", "status")
    assert (told.returncode, "the supervisor is gone" in told.stdout) == (1, True)
    assert document(home, "stack", "down")["leftovers_ended"] == len(PARTS)
    gone(home)


def test_up_after_a_kill_of_the_supervisor_starts_anew(home: Path, base: int) -> None:
    up(home, base, "milvus")
    state = status(home)
    os.kill(state["supervisor"]["pid"], signal.SIGKILL)
    again = up(home, base, "milvus")
    assert again["already"] is False
    assert again["services"][0]["pid"] != state["services"][0]["pid"]
    assert len(leftovers(str(home))) == 2, "one supervisor, one Milvus"


def test_a_second_up_adds_what_it_asks_for(home: Path, base: int) -> None:
    first = up(home, base, "milvus")
    both = up(home, base, "torchserve")
    assert [s["name"] for s in both["services"] if s["state"] == "healthy"] == ["milvus", "torchserve"]
    assert both["services"][0]["pid"] == first["services"][0]["pid"]


def test_a_taken_port_is_named_with_who_has_it(home: Path, base: int) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + PORTS.index("milvus")))
        taken.listen()
        result = marquee(home, "stack", "up", "--only", "milvus", "--port-base", str(base))
    assert result.returncode == 2
    assert f"{base + PORTS.index('milvus')}: " in result.stderr
    assert f"pid {os.getpid()}" in result.stderr
    assert "--port-base N" in result.stderr
