"""int8 files: outliers are smoothed without changing what is computed, and 8 bits then suffice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from handlers.engines.onnx_runtime import OnnxRuntimeEngine
from handlers.engines.parity import Parity, compare
from model_store.half import halve, nodes
from model_store.int8 import largest, matrices, quantise, smooth
from model_store.share import by_harm, longest_that_fits

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


@pytest.fixture
def cancelling(model: Path, tmp_path: Path) -> Path:
    """The same, its last matrix as the difference of two that are far larger."""
    read = onnx.load(model)
    draw = np.random.default_rng(2)
    huge = draw.normal(scale=500, size=(WIDTH, WIDTH)).astype(np.float32)
    read.graph.node[-1].output[0] = "mixed"
    small = draw.normal(scale=0.5, size=(WIDTH, WIDTH)).astype(np.float32)
    read.graph.initializer.extend(
        [numpy_helper.from_array(huge + small, "d"), numpy_helper.from_array(huge, "e")]
    )
    read.graph.node.extend(
        [
            helper.make_node("MatMul", ["mixed", "d"], ["more"], name="fourth"),
            helper.make_node("MatMul", ["mixed", "e"], ["less"], name="fifth"),
            helper.make_node("Sub", ["more", "less"], ["vector"], name="cancel"),
        ]
    )
    onnx.checker.check_model(read)
    onnx.save(read, tmp_path / "cancelling.onnx")
    return tmp_path / "cancelling.onnx"


def test_matrices_whose_products_cancel_stay_as_they_are_whatever_they_are_called(
    cancelling: Path, inputs: dict[str, npt.NDArray[np.float32]], tmp_path: Path
) -> None:
    want, target = run(cancelling, inputs), tmp_path / "int8.onnx"

    def measure(parts: Sequence[str]) -> Parity:
        assert quantise(cancelling, target, inputs, only=parts) == len(parts)
        return compare(run(target, inputs), want, reduced_precision=True)

    found = matrices(cancelling)
    assert found == ["first", "second", "third", "fourth", "fifth"]
    assert not measure(found).passed
    order = by_harm(found, measure)
    assert set(order[3:]) == {"fourth", "fifth"}, order
    kept = longest_that_fits(order, measure)
    assert kept == 3
    assert measure(order[:kept]).passed


def test_float16_ends_before_what_cancels(
    cancelling: Path, inputs: dict[str, npt.NDArray[np.float32]], tmp_path: Path
) -> None:
    want, target = run(cancelling, inputs), tmp_path / "half.onnx"

    def measure(parts: Sequence[str]) -> Parity:
        halve(cancelling, target, parts)
        return compare(run(target, inputs), want, reduced_precision=True)

    order = nodes(cancelling)
    assert not measure(order).passed
    kept = longest_that_fits(order, measure)
    assert 0 < kept < len(order)
    assert measure(order[:kept]).passed


@pytest.mark.parametrize(("of", "passing"), [(7, 0), (7, 1), (7, 4), (7, 6), (2, 1), (1, 0)])
def test_the_longest_that_fits_is_found_with_few_measurements(of: int, passing: int) -> None:
    tried = []

    def measure(parts: Sequence[str]) -> Parity:
        tried.append(len(parts))
        good = len(parts) <= passing
        return Parity(float(good), 0.0, good)

    assert longest_that_fits([str(n) for n in range(of)], measure) == passing
    assert len(tried) <= 3
