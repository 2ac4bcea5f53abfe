"""Engines that a machine makes for itself: its workers find them, and they prove themselves like all."""

from __future__ import annotations

import errno
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch

from deploy.rollout.gates.limits import load_limits
from deploy.rollout.gates.verifying import verify_gate
from deploy.stack.torchserve import TorchServe
from handlers.encoding import ItemEncoder
from handlers.engines.choose import FP16_FILE
from handlers.engines.machine import ONNX_FILE, machine_folder
from handlers.engines.packing import packed
from handlers.engines.parity import PROBE_FILE, compare, load_probe
from handlers.items import EncodeItem
from handlers.networks import load_model
from model_store import NoRoomError, Package, engines, find, half, mixed, narrow
from model_store.compile import halve_package, quantise_package
from model_store.engines import order_engines, try_engines
from model_store.films import some_films
from model_store.mixed import mix, run
from model_store.narrow import PackedNetwork, multiplies_bf16, multiplies_int8
from model_store.native import compile_package, fastest_precision
from model_store.plans import plan_of
from model_store.share import WITHIN, harm
from tests.integration.encoder.tiny import NAME, VERSION, tiny_package


@pytest.fixture
def package(torchserve_service: TorchServe, tmp_path: Path) -> Package:
    """A copy: others are served by the original."""
    built = tiny_package(torchserve_service.models).package
    shutil.copytree(built.path, tmp_path / "models" / NAME / VERSION)
    return find(NAME, tmp_path / "models")


def test_int8_is_taken_once_made_and_passed_over_once_damaged(package: Package) -> None:
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime"
    made = quantise_package(package)
    path = made.path
    assert made.parity.passed
    assert made.parts == made.of > 30, "all of BERT's"
    assert path.parent == machine_folder(package.path)
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime-int8"
    assert find(NAME, package.path.parents[1]).manifest == package.manifest
    path.write_bytes(path.read_bytes()[:-1_000])
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime"


def test_an_engine_in_less_than_float32_passes_the_gate_of_its_own_limits(package: Package) -> None:
    quantise_package(package)
    gate = verify_gate(package, None, load_limits())
    rows = {row.name: row for row in gate.rows}
    assert rows["length error"].estimate > load_limits().verify.length_error, "no float32 that does this"
    assert [rows[name].verdict for name in ("cosine", "length error")] == ["passed", "passed"]
    strict = msgspec.structs.replace(load_limits().verify, reduced_length_error=1e-4)
    gate = verify_gate(package, None, msgspec.structs.replace(load_limits(), verify=strict))
    assert gate.verdict == "failed"


def test_the_gate_says_when_only_one_side_was_compiled(package: Package, tmp_path: Path) -> None:
    shutil.copytree(package.path, tmp_path / "elsewhere" / "models" / NAME / VERSION)
    plain = find(NAME, tmp_path / "elsewhere" / "models")
    quantise_package(package)
    (remark,) = verify_gate(plain, package, load_limits()).remarks
    assert "served by onnxruntime," in remark
    assert "by onnxruntime-int8; `marquee model compile`" in remark
    assert verify_gate(package, package, load_limits()).remarks == ()


def test_workers_take_what_was_measured_to_be_faster_here(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantise_package(package)
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime-int8"

    def measured(int8: float) -> None:
        ms = {"onnxruntime-int8": int8, "onnxruntime": 100.0, "eager": 1.0}
        monkeypatch.setattr(engines, "_by_turns", lambda loaded, _: {name: [ms[name]] for name in loaded})

    measured(150.0)
    rows = order_engines(package)
    assert [row.engine for row in rows if row.passed] == ["onnxruntime", "onnxruntime-int8", "eager"]
    assert [row.engine for row in rows if row.taken] == ["onnxruntime"]
    (int8,) = (row for row in rows if row.engine == "onnxruntime-int8")
    assert int8.reason == "measured slower than onnxruntime here"
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime"
    # looking again tells the same and changes nothing, whatever the times are now
    measured(50.0)
    assert [row.engine for row in try_engines(package) if row.taken] == ["onnxruntime"]
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime"
    order_engines(package)
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime-int8"


def test_engines_are_timed_by_films_not_by_the_probe(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, npt.NDArray[Any]]] = []

    def note(loaded: dict[str, Any], inputs: dict[str, npt.NDArray[Any]]) -> dict[str, list[float]]:
        seen.append(inputs)
        return {name: [1.0] for name in loaded}

    monkeypatch.setattr(engines, "_by_turns", note)
    try_engines(package)
    one, many = seen
    wanted = plan_of(package.path).read(package.path, some_films(16))
    assert {name: values.tolist() for name, values in many.items()} == {
        name: values.tolist() for name, values in wanted.items()
    }
    assert len(one["side"]) == 1
    padded = load_probe(package.path / PROBE_FILE).inputs["attention_mask"]
    assert many["attention_mask"].mean() > padded.mean()


@pytest.mark.parametrize("slow", ["float32", "bf16"])
def test_native_code_is_compiled_in_what_is_faster_here(
    package: Package, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    def delayed(network: Any, inputs: Any) -> None:
        # nothing is computed: which is truly faster is another question on each processor
        kind = "bf16" if network.layers[0].dtype == torch.bfloat16 else "float32"
        time.sleep(0.2 if kind == slow else 0)

    monkeypatch.setattr(mixed, "run", delayed)
    monkeypatch.setattr(narrow, "multiplies_bf16", lambda: True)
    assert fastest_precision(package) == ("bf16" if slow == "float32" else "float32")
    monkeypatch.setattr(narrow, "multiplies_bf16", lambda: False)
    assert fastest_precision(package) == "float32"


def test_float16_is_kept_within_its_limits_and_is_what_gpu_engines_are_built_from(package: Package) -> None:
    made = halve_package(package)
    path, parity = made.path, made.parity
    assert parity.passed
    assert parity.cosine < 1.0
    assert made.parts == made.of
    assert path == machine_folder(package.path) / FP16_FILE
    assert path.stat().st_size < 0.6 * (package.path / ONNX_FILE).stat().st_size
    half = onnx.load(path)
    assert {one.data_type for one in half.graph.initializer} >= {onnx.TensorProto.FLOAT16}
    assert [one.type.tensor_type.elem_type for one in half.graph.output] == [onnx.TensorProto.FLOAT]
    # on a CPU nobody serves by it
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime"


def test_without_room_no_engine_is_half_made(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = halve_package(package).path.read_bytes()

    def full(_: Path, target: Path, __: object) -> int:
        target.write_bytes(b"half a")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(half, "halve", full)
    with pytest.raises(NoRoomError, match=r"cannot be made float16: .*No space left"):
        halve_package(package)
    folder = machine_folder(package.path)
    assert folder is not None
    assert [one.name for one in folder.iterdir()] == [FP16_FILE]
    assert (folder / FP16_FILE).read_bytes() == kept


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_words_without_padding_say_the_same(package: Package, dtype: torch.dtype) -> None:
    probe = load_probe(package.path / PROBE_FILE)
    network = PackedNetwork(load_model(package.path), dtype)
    parity = compare(run(network, packed(probe.inputs)), probe.vectors, reduced_precision=False)
    assert parity.passed or dtype == torch.bfloat16, parity
    # that it is computed in less shows
    assert (parity.length_error > 1e-5) == (dtype == torch.bfloat16), parity
    assert parity.cosine > 0.999


def test_bert_in_int8_keeps_in_bfloat16_what_the_limits_ask_for(package: Package) -> None:
    probe = load_probe(package.path / PROBE_FILE)
    network, read = load_model(package.path), plan_of(package.path).read
    films = some_films(48)
    seen, judged = read(package.path, films[:32]), read(package.path, films[32:])
    mixed = mix(network, probe, seen, judged)
    assert 0 < mixed.parts <= mixed.of == 24
    said = compare(run(mixed.network, packed(probe.inputs)), probe.vectors, reduced_precision=True)
    assert said.passed, said
    assert harm(said) <= harm(mixed.parity) <= WITHIN
    # its own layers are left as they were
    assert compare(run(network, probe.inputs), probe.vectors, reduced_precision=False).passed


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.skipif(not multiplies_bf16(), reason="this processor does not multiply bf16")
def test_code_compiled_in_bf16_is_taken_first(package: Package) -> None:
    compile_package(package, precision="bf16")
    rows = {row.engine: row for row in try_engines(package)}
    assert rows["aotinductor-bf16"].taken, rows["aotinductor-bf16"].reason
    assert not rows["aotinductor"].passed
    assert ItemEncoder.load(package.path).engine.name == "aotinductor-bf16"


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.skipif(not multiplies_int8(), reason="this processor does not multiply int8")
def test_code_compiled_in_int8_as_far_as_it_goes_is_taken_before_all(package: Package) -> None:
    made = compile_package(package, precision="mixed")
    assert made.bytes_of is not None
    assert made.bytes_of[0] > 0
    rows = {row.engine: row for row in try_engines(package)}
    assert rows["aotinductor-mixed"].taken, rows["aotinductor-mixed"].reason
    encoder = ItemEncoder.load(package.path)
    assert encoder.engine.name == "aotinductor-mixed"
    # one word in all, none at all, and rows of one length: sizes that compilers like to take for constants
    items = [EncodeItem(title="A"), EncodeItem(title="The Harbour", year=1974), EncodeItem(title="A")]
    alone = [encoder.encode([item]) for item in items]
    assert [found.errors for found in alone] == [[None]] * 3
    together = encoder.encode(items)
    for row, found in zip(together.vectors, alone, strict=True):
        assert np.linalg.norm(row - found.vectors[0]) <= 1e-2 * np.linalg.norm(row)
    made.path.write_bytes(made.path.read_bytes()[:-1_000])
    assert ItemEncoder.load(package.path).engine.name == "onnxruntime"


@pytest.mark.full
@pytest.mark.timeout(900)
def test_compiled_code_agrees_and_is_timed_beside_the_others(package: Package) -> None:
    path = compile_package(package).path
    assert path.stat().st_mode & 0o077 == 0
    rows = {row.engine: row for row in try_engines(package)}
    assert rows["aotinductor"].passed, rows["aotinductor"].reason
    assert rows["aotinductor"].taken
    assert rows["eager"].ratio_to_eager == 1.0
    assert [row.engine for row in rows.values() if row.taken] == ["aotinductor"]
