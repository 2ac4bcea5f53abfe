"""What a machine made for itself is found by it alone, and native code is not taken from a folder of all."""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec
import pytest

from handlers.checksums import CHECKSUMS_FILE
from handlers.engines import machine
from handlers.engines.aot_inductor import AotInductorEngine, compiled_file
from handlers.engines.choose import candidates
from handlers.engines.machine import keep, machine_folder
from handlers.exceptions import EngineUnavailableError, PackageFileError
from handlers.trust import MODELS_VARIABLE


def package(folder: Path, onnx: str = "ab" * 32, manifest: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CHECKSUMS_FILE).write_bytes(msgspec.json.encode({"model.onnx": onnx}))
    if manifest:
        (folder / "manifest.json").write_text("{}")
    return folder


def test_the_worker_and_the_command_find_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = package(tmp_path / "models" / "tiny" / "1")
    unpacked = package(tmp_path / "unpacked", manifest=False)
    monkeypatch.delenv(MODELS_VARIABLE, raising=False)
    assert machine_folder(unpacked) is None
    found = machine_folder(built)
    assert found is not None
    assert found.parents[1] == tmp_path / "engines"
    for models in (str(tmp_path / "models"), (tmp_path / "models").as_uri()):
        monkeypatch.setenv(MODELS_VARIABLE, models)
        assert machine_folder(unpacked) == found


def test_another_model_or_machine_finds_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = package(tmp_path / "models" / "tiny" / "1")
    mine = machine_folder(folder)
    assert machine_folder(package(folder, onnx="cd" * 32)) != mine
    package(folder)
    assert machine_folder(folder) == mine
    monkeypatch.setattr(machine, "cpu_name", lambda: "another processor")
    assert machine_folder(folder) != mine


def test_code_that_others_could_have_put_there_is_not_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(EngineUnavailableError, match="not compiled on this machine for 1 threads"):
        AotInductorEngine(tmp_path, 1)
    path = tmp_path / compiled_file(1)
    path.write_bytes(b"nonsense")
    path.chmod(0o666)
    with pytest.raises(EngineUnavailableError, match="written by others"):
        AotInductorEngine(tmp_path, 1)
    path.chmod(0o600)
    tmp_path.chmod(0o770)
    with pytest.raises(EngineUnavailableError, match="written by others"):
        AotInductorEngine(tmp_path, 1)
    tmp_path.chmod(0o700)
    with pytest.raises(EngineUnavailableError, match="refused"):
        AotInductorEngine(tmp_path, 1)


def test_without_room_what_was_measured_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = package(tmp_path / "models" / "tiny" / "1")
    path = keep(built, "one.json", {"ms": 1})

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PackageFileError, match=r"one\.json cannot be written: No space left"):
        keep(built, "one.json", {"ms": 2})
    assert [one.name for one in path.parent.iterdir()] == ["one.json"]
    assert msgspec.json.decode(path.read_bytes()) == {"ms": 1}


def test_the_order_of_engines(tmp_path: Path) -> None:
    names = [candidate.name for candidate in candidates(tmp_path, 1)]
    assert names == [
        "tensorrt",
        "aotinductor-mixed",
        "aotinductor-bf16",
        "onnxruntime-int8",
        "aotinductor",
        "onnxruntime",
        "eager",
    ]
