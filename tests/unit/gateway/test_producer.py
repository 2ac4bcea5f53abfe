"""Records of answers that are given up are counted, by a counter as Prometheus names one."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from deploy.stack.ports import free_ports
from streaming.gateway import producer
from streaming.gateway.producer import AckProducer, Record
from streaming.observability.metrics import render
from streaming.settings import Settings


def test_what_is_dropped_under_pressure_is_counted(
    bare_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    away = bare_settings.model_copy(
        update={"kafka": {"bootstrap.servers": f"127.0.0.1:{port}", "log_level": "0"}}
    )
    monkeypatch.setattr(producer, "MAX_UNANSWERED", 1)

    def dropped() -> float:
        return REGISTRY.get_sample_value("marquee_gateway_served_dropped_total") or 0.0

    before, made = dropped(), AckProducer(away, "test")
    try:
        for _ in range(3):
            made.forget(Record("t", 0, b"k", b"v"))
        assert dropped() == before + 2, "one waits for Kafka, two found no room"
    finally:
        made.close(0.0)
    assert b"\n# TYPE marquee_gateway_served_dropped_total counter\n" in render()
