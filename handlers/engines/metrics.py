"""How often each engine was taken or passed over, for Prometheus."""

from __future__ import annotations

from typing import Any, Literal

from prometheus_client import Counter

_TRIED = Counter("marquee_engine_tried", "Engines tried when a model was loaded", ["engine", "outcome"])


def count(engine: str, outcome: Literal["taken", "passed over"]) -> None:
    """One more."""
    _TRIED.labels(engine, outcome).inc()


def hand_over(metrics: Any, model: str) -> None:
    """Gives what was counted in this process to TorchServe, whose workers have no metrics page of their own.

    Args:
        metrics: of a worker's context (``ts.metrics``).
        model: ``name@version``, a label there.
    """
    told = metrics.add_metric_to_cache("marquee_engine_tried_total", "Count", ["model", "engine", "outcome"])
    for family in _TRIED.collect():
        for sample in family.samples:
            if sample.name.endswith("_total"):
                told.add_or_update(sample.value, [model, sample.labels["engine"], sample.labels["outcome"]])
