"""What of the TensorRT engine needs neither the library nor a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.engines.tensorrt import MAX_BATCH, TensorRtEngine, profile_of
from handlers.exceptions import EngineUnavailableError
from handlers.wire import MAX_ITEMS


def test_profiles_hold_what_requests_may_be() -> None:
    assert MAX_BATCH >= MAX_ITEMS
    assert profile_of((-1, -1)) == ((1, 2), (16, 64), (MAX_BATCH, 512))
    assert profile_of((-1, 36)) == ((1, 36), (16, 36), (MAX_BATCH, 36))
    assert profile_of((-1, 3, 96, 64)) == ((1, 3, 96, 64), (16, 3, 96, 64), (MAX_BATCH, 3, 96, 64))


def test_without_library_or_gpu_it_is_passed_over(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(EngineUnavailableError, match=r"not installed|no CUDA device"):
        TensorRtEngine(tmp_path / "model.onnx", tmp_path)
