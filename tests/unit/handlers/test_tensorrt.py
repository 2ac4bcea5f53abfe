"""What of the TensorRT engine needs neither the library nor a GPU."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handlers.engines import tensorrt as ours
from handlers.engines.tensorrt import MAX_BATCH, TensorRtEngine, load_or_build, plan_name, profile_of
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


class Library(SimpleNamespace):
    """Of TensorRT, what loads plans: it takes those that begin as it builds them."""

    @staticmethod
    def Runtime(_logger: object) -> Any:  # noqa: N802
        return SimpleNamespace(
            deserialize_cuda_engine=lambda plan: plan if plan.startswith(b"plan") else None
        )


@pytest.fixture
def onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, of which each building makes another plan."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"onnx")
    built = iter(range(10))
    monkeypatch.setattr(ours, "build_plan", lambda *_: f"plan {next(built)}".encode())
    return path


def test_a_plan_is_found_only_by_the_gpu_library_and_model_it_was_built_for(
    onnx: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"other")
    makers = [("10.1", "89", onnx), ("10.1", "90", onnx), ("10.2", "89", onnx), ("10.1", "89", other)]
    paths = [tmp_path / "cache" / plan_name(*one) for one in makers]
    assert len(set(paths)) == 4
    for _ in range(2):
        found = [load_or_build(Library(), None, onnx, path) for path in paths]
        assert found == [b"plan 0", b"plan 1", b"plan 2", b"plan 3"]


def test_a_plan_that_the_library_refuses_is_built_anew(onnx: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.plan"
    path.write_bytes(b"torn")
    assert load_or_build(Library(), None, onnx, path) == b"plan 0"
    assert path.read_bytes() == b"plan 0"


def test_without_room_for_it_a_plan_serves_all_the_same(
    onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    path = tmp_path / "cache" / "one.plan"
    assert load_or_build(Library(), None, onnx, path) == b"plan 0"
    assert list(path.parent.iterdir()) == []


def test_what_it_builds_and_refuses_is_passed_over(
    onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "build_plan", lambda *_: b"nonsense")
    path = tmp_path / "one.plan"
    with pytest.raises(EngineUnavailableError, match="refused"):
        load_or_build(Library(), None, onnx, path)
    assert not path.exists()
