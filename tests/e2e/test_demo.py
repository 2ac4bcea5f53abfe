"""``make demo`` as a newcomer runs it: twice on one home, then nothing is left running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


@pytest.mark.timeout(2 * TIMEOUT_S)
def test_the_demo_holds_twice_and_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment = {**os.environ, "MARQUEE_HOME": str(home), "DEMO_PORT_BASE": str(base_port())}

    def play(**more: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.demo"],
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-3_000:]
        report: dict[str, Any] = json.loads((home / "demo-report.json").read_text())
        return report

    try:
        first = play()
        second = play(DEMO_EXIT="1")
    finally:
        running = leftovers(os.path.realpath(home))
        end_all(running, 5.0)
    assert running == []
    for report in (first, second):
        assert report["met"] is True
        assert report["ratings_sent"] == report["ratings_applied"] == 100_836
        assert report["items_indexed"] == 9_743
        assert report["max_relative_error"] <= 1e-5
        assert report["stale"] == report["missing"] == report["orphans"] == 0
        assert report["rating_to_recommendation_ms"]["n"] >= 200
        assert report["new_item_rank_gateway"] == report["new_item_rank_exact"]
    assert first["items_sent"] == 9_742
    assert second["items_sent"] == 0, "films that are there already were sent again"
    # whom the first run made is gone: the second checks no more users than the first
    assert second["profiles_checked"] <= first["profiles_checked"]
