"""A worker holds what its engine needs and no more."""

from __future__ import annotations

from pathlib import Path

import psutil

from streaming.encoder import EncoderClient, EncoderManagement
from streaming.settings import Settings
from tests.integration.encoder.tiny import NAME, VERSION


def test_a_worker_whose_engine_needs_no_pytorch_has_not_loaded_it(
    encoder: EncoderClient, serving: Settings
) -> None:
    assert encoder.ready()
    management = EncoderManagement(serving, NAME)
    described = management.describe(VERSION) or {}
    management.close()
    (worker, *_) = described["workers"]
    assert "handlers.worker" in psutil.Process(int(worker["pid"])).cmdline()
    loaded = Path(f"/proc/{worker['pid']}/maps").read_text()
    assert "onnxruntime" in loaded
    assert "libtorch" not in loaded
