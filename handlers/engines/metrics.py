"""How often each engine was taken or passed over, for Prometheus."""

from __future__ import annotations

from typing import Literal

from prometheus_client import Counter

_TRIED = Counter("marquee_engine_tried", "Engines tried when a model was loaded", ["engine", "outcome"])


def count(engine: str, outcome: Literal["taken", "passed over"]) -> None:
    """One more."""
    _TRIED.labels(engine, outcome).inc()
