"""``make demo`` as a newcomer runs it; after its end nothing is left running."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.stack.layout import PORTS
from deploy.stack.ports import free_ports
from deploy.stack.process import end_all, leftovers

TIMEOUT_S = 900


def base_port() -> int:
    """The first of seven free ports side by side."""
    for _ in range(50):
        (port,) = free_ports(1)
        if port + len(PORTS) < 65_000:
            return port
    raise AssertionError("no free ports")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home of which nothing runs any more after the test."""
    made = tmp_path / "home"
    yield made
    running = leftovers(os.path.realpath(made))
    end_all(running, 5.0)
    assert running == []


def play(home: Path, **more: str) -> dict[str, Any]:
    """The report of a demo that ended well, and says so."""
    environment = {**os.environ, "MARQUEE_HOME": str(home), **more}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-3_000:]
    report: dict[str, Any] = json.loads((home / "demo-report.json").read_text())
    assert report["met"] is True
    assert report["ratings_sent"] == report["ratings_applied"] == 100_836
    assert report["items_indexed"] == 9_743
    assert report["max_relative_error"] <= 1e-5
    assert report["stale"] == report["missing"] == report["orphans"] == 0
    assert report["rating_to_recommendation_ms"]["n"] >= 200
    assert report["new_item_rank_gateway"] == report["new_item_rank_exact"]
    if shutil.which("g++"):
        assert list((home / "engines").rglob("*.pt2")), "compiled for this machine"
        # which is the faster one is for each machine to measure
        assert report["engine"] == report["engine_measured_best"] is not None
    return report


@pytest.mark.timeout(TIMEOUT_S)
def test_the_demo_holds_and_leaves_nothing(home: Path) -> None:
    assert play(home, DEMO_PORT_BASE=str(base_port()), DEMO_EXIT="1")["items_sent"] == 9_742


@pytest.mark.full
@pytest.mark.timeout(2 * TIMEOUT_S)
def test_a_second_run_finds_what_the_first_left(home: Path) -> None:
    base = str(base_port())
    first = play(home, DEMO_PORT_BASE=base)
    second = play(home, DEMO_PORT_BASE=base, DEMO_EXIT="1")
    assert second["items_sent"] == 0, "films that are there already were sent again"
    # whom the first run made is gone: the second checks no more users than the first
    assert second["profiles_checked"] <= first["profiles_checked"]
