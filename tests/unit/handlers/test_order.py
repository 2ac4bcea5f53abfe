"""Engines are tried by what was measured on this machine, and as listed where nothing was."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from handlers.checksums import CHECKSUMS_FILE
from handlers.engines import Candidate, choose_engine
from handlers.engines.choose import candidates, listed
from handlers.engines.order import SCHEMA, Speeds, by_speed, load_speeds, save_speeds, speeds_file
from handlers.exceptions import PackageFileError
from tests.unit.handlers.test_engines import PROBE, Scaled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "models" / "tiny" / "1"
    built.mkdir(parents=True)
    (built / CHECKSUMS_FILE).write_bytes(msgspec.json.encode({"model.onnx": "ab" * 32}))
    (built / "manifest.json").write_text("{}")
    return built


def names(folder: Path, threads: int = 1) -> list[str]:
    return [candidate.name for candidate in candidates(folder, threads)]


def test_a_clearly_slower_engine_goes_behind_and_a_little_slower_one_does_not() -> None:
    ms = {"int8": 270.0, "fp32": 239.0, "eager": 231.0}
    assert by_speed(["int8", "fp32", "eager"], ms) == ["fp32", "eager", "int8"]
    assert by_speed(["int8", "fp32", "eager"], {"int8": 240.0, "fp32": 239.0, "eager": 1e3}) == [
        "int8",
        "fp32",
        "eager",
    ]


def test_what_was_not_measured_keeps_its_place() -> None:
    listed_ = ["gpu", "int8", "later", "fp32"]
    assert by_speed(listed_, {"int8": 20.0, "fp32": 10.0, "gone": 1.0}) == ["gpu", "fp32", "later", "int8"]
    assert by_speed(listed_, {}) == listed_


def test_the_order_goes_by_what_was_measured_with_as_many_threads(folder: Path) -> None:
    default = [candidate.name for candidate in listed(folder, 1)]
    assert names(folder) == default
    save_speeds(folder, 1, 16, {"onnxruntime-int8": 270.0, "onnxruntime": 239.0, "eager": 1_000.0})
    assert names(folder, 2) == default
    assert [name for name in names(folder) if name.startswith("onnx")] == ["onnxruntime", "onnxruntime-int8"]
    assert [one.measured_ms for one in candidates(folder, 1) if one.name == "onnxruntime"] == [239.0]
    # measured anew it counts anew
    save_speeds(folder, 1, 16, {"onnxruntime-int8": 100.0, "onnxruntime": 239.0, "eager": 1_000.0})
    assert names(folder) == default


def test_the_log_says_what_the_order_goes_by() -> None:
    fast, slow = Scaled("fast", [[1, 0], [0, 1]]), Scaled("slow", [[1, 0], [0, 1]])
    with capture_logs() as lines:
        choose_engine([Candidate("fast", lambda: fast, 10.0), Candidate("slow", lambda: slow, 20.0)], PROBE)
        choose_engine([Candidate("slow", lambda: slow)], PROBE)
    orders = [line for line in lines if line["event"] == "order of engines"]
    assert [line["by"] for line in orders] == ["speed measured here", "default"]
    assert orders[0]["order"] == ["fast", "slow"]
    assert orders[0]["measured_ms"] == {"fast": 10.0, "slow": 20.0}


def test_a_measured_order_proves_nothing() -> None:
    wrong, right = Scaled("wrong", [[2, 0], [0, 2]]), Scaled("right", [[1, 0], [0, 1]])
    tried = [Candidate("wrong", lambda: wrong, 1.0), Candidate("right", lambda: right, 2.0)]
    assert choose_engine(tried, PROBE).name == "right"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: b"torn", "cannot be read"),
        (lambda speeds: msgspec.json.encode(msgspec.structs.replace(speeds, schema=SCHEMA + 1)), "upgrade"),
    ],
)
def test_what_cannot_be_read_counts_as_not_measured(folder: Path, change: object, reason: str) -> None:
    path = save_speeds(folder, 1, 16, {"onnxruntime-int8": 2.0, "onnxruntime": 1.0})
    assert path.name == speeds_file(1)
    speeds = load_speeds(folder, 1)
    assert isinstance(speeds, Speeds)
    path.write_bytes(change(speeds))  # type: ignore[operator]
    with pytest.raises(PackageFileError, match=reason):
        load_speeds(folder, 1)
    with capture_logs() as lines:
        assert names(folder) == [candidate.name for candidate in listed(folder, 1)]
    assert [line["event"] for line in lines] == ["speeds of engines count as not measured"]


def test_without_a_built_package_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(PackageFileError, match="no built package"):
        save_speeds(tmp_path, 1, 16, {"eager": 1.0})
