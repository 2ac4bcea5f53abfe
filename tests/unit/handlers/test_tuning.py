"""What was measured of a package is kept beside it, for this machine, and cannot stop it from serving."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.checksums import write_checksums
from handlers.engines.machine import ONNX_FILE, machine_folder
from handlers.exceptions import PackageFileError
from handlers.tuning import TUNED_FILE, Serving, Trial, Tuned, load_tuned, save_tuned, serving_of

BEST = Serving(workers=2, threads=1, batch=16, delay_ms=1)
TUNED = Tuned(
    package="m@1",
    best=BEST,
    trials=(Trial(serving=BEST, per_s=10.0, p99_ms=3.0, alone_ms=1.0),),
    engine="onnxruntime",
    clients=32,
    items=1,
    at="2026-01-01T00:00:00+00:00",
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "m" / "1"
    folder.mkdir(parents=True)
    (folder / ONNX_FILE).write_bytes(b"onnx")
    (folder / "manifest.json").write_text("{}")
    write_checksums(folder, [ONNX_FILE])
    return folder


def test_it_is_found_again_and_lies_outside_the_package(package: Path) -> None:
    assert load_tuned(package) is None
    assert serving_of(package) == Serving()
    files = sorted(package.rglob("*"))
    path = save_tuned(package, TUNED)
    assert path.parent == machine_folder(package)
    assert sorted(package.rglob("*")) == files
    assert load_tuned(package) == TUNED
    assert serving_of(package) == BEST
    assert [one.name for one in path.parent.iterdir()] == [TUNED_FILE]


def test_a_worker_finds_it_by_the_folder_of_models(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tuned(package, TUNED)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    (unpacked / ONNX_FILE).write_bytes(b"onnx")
    write_checksums(unpacked, [ONNX_FILE])
    assert serving_of(unpacked) == Serving()
    monkeypatch.setenv("MARQUEE_MODELS_URL", str(tmp_path / "models"))
    assert serving_of(unpacked) == BEST


@pytest.mark.parametrize("told", ["", "{}", '{"schema": 2}', "\xff"])
def test_what_cannot_be_read_is_said_to_people_and_does_not_stop_serving(package: Path, told: str) -> None:
    save_tuned(package, TUNED).write_text(told, encoding="latin-1")
    with pytest.raises(PackageFileError, match=r"tuned\.json"):
        load_tuned(package)
    assert serving_of(package) == Serving()


def test_what_is_not_built_cannot_be_tuned(tmp_path: Path) -> None:
    with pytest.raises(PackageFileError, match="no built package"):
        save_tuned(tmp_path, TUNED)
