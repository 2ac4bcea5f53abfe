"""int8 files: outliers are smoothed without changing what is computed, and 8 bits then suffice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from handlers.engines.onnx_runtime import OnnxRuntimeEngine
from handlers.engines.parity import compare
from model_store.int8 import largest, quantise, smooth

WIDTH = 128


@pytest.fixture
def inputs() -> dict[str, npt.NDArray[np.float32]]:
    """Rows with two channels a hundred times as large as the others, as BERT has them."""
    made = np.random.default_rng(0).normal(size=(32, WIDTH)).astype(np.float32)
    made[:, 5] *= 100
    made[:, 77] += 60
    return {"x": made}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """x -> two matrices on one input, a third on their sum."""
    draw = np.random.default_rng(1)
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["xa"], name="first"),
        helper.make_node("MatMul", ["x", "b"], ["xb"], name="second"),
        helper.make_node("Add", ["xa", "xb"], ["sum"], name="add"),
        helper.make_node("Tanh", ["sum"], ["bent"], name="bend"),
        helper.make_node("MatMul", ["bent", "c"], ["vector"], name="third"),
    ]
    weights = [
        numpy_helper.from_array(draw.normal(scale=0.05, size=(WIDTH, WIDTH)).astype(np.float32), name)
        for name in "abc"
    ]
    shape = ["batch", WIDTH]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, shape)],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(made)
    onnx.save(made, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def run(path: Path, inputs: dict[str, npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    return OnnxRuntimeEngine(path).run(inputs)["vector"]


def test_smoothing_alone_changes_nothing_and_evens_the_channels_out(
    model: Path, inputs: dict[str, npt.NDArray[np.float32]], tmp_path: Path
) -> None:
    read = onnx.load(model)
    chosen = [node for node in read.graph.node if node.op_type == "MatMul"]
    before = largest(read, {"x"}, inputs)["x"]
    smooth(read, chosen, largest(read, {"x", "bent"}, inputs), 0.6)
    onnx.checker.check_model(read)
    onnx.save(read, tmp_path / "smooth.onnx")
    after = largest(read, {"x/smooth"}, inputs)["x/smooth"]
    assert after.max() / np.median(after) < 0.3 * before.max() / np.median(before)
    assert np.allclose(run(tmp_path / "smooth.onnx", inputs), run(model, inputs), rtol=1e-4, atol=1e-4)


def test_int8_is_within_its_limits_and_really_int8(
    model: Path, inputs: dict[str, npt.NDArray[np.float32]], tmp_path: Path
) -> None:
    assert quantise(model, tmp_path / "int8.onnx", inputs) == 3
    kinds = [node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node]
    assert kinds.count("MatMulNBits") == 3
    assert "MatMul" not in kinds
    got, want = run(tmp_path / "int8.onnx", inputs), run(model, inputs)
    assert not np.array_equal(got, want)
    assert compare(got, want, reduced_precision=True).passed
