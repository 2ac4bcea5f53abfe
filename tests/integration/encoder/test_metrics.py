"""What workers count of engines stands on TorchServe's metrics page."""

from __future__ import annotations

import time

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.stack.torchserve import TorchServe
from streaming.encoder import EncoderClient
from tests.integration.encoder.tiny import NAME, VERSION

NAMES = {"marquee_engine_tried", "marquee_engine_tried_total"}


def tried(server: TorchServe) -> dict[tuple[str, str], float]:
    """(engine, outcome) -> how often, of the tiny package."""
    text = httpx.get(server.metrics_url, timeout=10).raise_for_status().text
    return {
        (sample.labels["engine"], sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in NAMES and sample.labels["model"] == f"{NAME}@{VERSION}"
    }


def test_engines_taken_and_passed_over_reach_prometheus(
    encoder: EncoderClient, torchserve: TorchServe
) -> None:
    assert encoder.ready()
    deadline = time.monotonic() + 30
    # TorchServe reads what workers say line by line, beside their answers
    while not (found := tried(torchserve)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found[("onnxruntime", "taken")] >= 1
    assert found[("tensorrt", "passed over")] >= 1
    assert ("eager", "taken") not in found
