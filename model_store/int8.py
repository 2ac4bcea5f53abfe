"""The int8 engine's ONNX file: 8-bit weights in blocks, activations quantised as they come, smoothed.

Plain dynamic int8 gives every activation tensor one scale; a few outlying channels and tokens of BERT then
cost cosine 0.92 to 0.99. Two things mend that: each channel is divided by a factor that moves the outliers
into the weights (SmoothQuant, Xiao et al. 2023, equation 4), and ``MatMulNBits`` with accuracy level 4 gives
each row's block of channels a scale of its own. Finer blocks are closer and slower.
"""

from __future__ import annotations

import logging
import tempfile
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from model_store.graphs import load_named

BLOCKS = (128, 64, 32)
"""Channels that share a scale: fewer are finer, and a little slower."""
ALPHA = 0.6
"""How much of an outlier moves into the weights."""
SMALLEST = 64
"""Matrices with a side below this stay in float32: there is nothing to gain."""

Array = npt.NDArray[Any]


def matrices(source: Path) -> list[str]:
    """The names of those multiplications that int8 could make faster, in the order of the graph."""
    return [node.name for node in _found(load_named(source))]


def quantise(
    source: Path,
    target: Path,
    inputs: Mapping[str, Array],
    only: Collection[str] | None = None,
    alpha: float | None = ALPHA,
    block: int = BLOCKS[0],
) -> int:
    """Writes ``target``, ``source`` with its matrices in int8; how many there are.

    Args:
        inputs: what the factors are calibrated on.
        only: those of :func:`matrices` that are; all by default.
        alpha: how much of outliers moves into the weights; ``None`` leaves them.
        block: one of :data:`BLOCKS`.
    """
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    model = load_named(source)
    del model.graph.value_info[:]
    chosen = [node for node in _found(model) if only is None or node.name in only]
    if alpha is not None and chosen:
        smooth(model, chosen, largest(model, {node.input[0] for node in chosen}, inputs), alpha)
    names = {node.name for node in chosen}
    left_out = [node.name for node in model.graph.node if node.name not in names]
    logger = logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        quantiser = MatMulNBitsQuantizer(
            model, bits=8, block_size=block, is_symmetric=True, accuracy_level=4, nodes_to_exclude=left_out
        )
        quantiser.process()
        quantiser.model.save_model_to_file(str(target))
    finally:
        logger.setLevel(level)
    return len(chosen)


def _found(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    weights = {one.name: one for one in model.graph.initializer}
    return [node for node in model.graph.node if _wanted(node, weights)]


def _wanted(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    if node.op_type != "MatMul" or node.input[1] not in weights:
        return False
    shape = list(weights[node.input[1]].dims)
    return len(shape) == 2 and min(shape) >= SMALLEST


def largest(
    model: onnx.ModelProto, names: set[str], inputs: Mapping[str, Array]
) -> dict[str, npt.NDArray[np.float32]]:
    """The largest magnitude of each channel (last axis) of the named tensors over ``inputs``."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    ordered = sorted(names)
    known = {output.name for output in watched.graph.output}
    for name in ordered:
        if name not in known:
            watched.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watched.onnx"
        onnx.save(watched, path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        values = session.run(ordered, dict(inputs))
    return {n: np.abs(v.reshape(-1, v.shape[-1])).max(0) for n, v in zip(ordered, values, strict=True)}


def smooth(
    model: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    largest_of: Mapping[str, npt.NDArray[np.float32]],
    alpha: float,
) -> None:
    """Divides the activations of ``nodes`` by a factor a channel and multiplies their weights by it."""
    weights = {one.name: one for one in model.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in nodes:
        readers[node.input[0]].append(node)
    before: dict[str, onnx.NodeProto] = {}
    for name, users in readers.items():
        matrices = [numpy_helper.to_array(weights[node.input[1]]) for node in users]
        of_weights = np.max([np.abs(matrix).max(1) for matrix in matrices], axis=0)
        factor = np.maximum(largest_of[name], 1e-5) ** alpha / np.maximum(of_weights, 1e-5) ** (1 - alpha)
        factor = np.maximum(factor, 1e-5).astype(np.float32)
        inverse, scaled = f"{name}/smoothing", f"{name}/smooth"
        model.graph.initializer.append(numpy_helper.from_array(1 / factor, inverse))
        before[users[0].name] = helper.make_node("Mul", [name, inverse], [scaled], name=scaled)
        for node, matrix in zip(users, matrices, strict=True):
            weight = f"{node.name}/weight"
            model.graph.initializer.append(numpy_helper.from_array(matrix * factor[:, None], weight))
            node.input[0], node.input[1] = scaled, weight
    ordered = []
    for node in model.graph.node:
        if node.name in before:
            ordered.append(before[node.name])
        ordered.append(node)
    del model.graph.node[:]
    model.graph.node.extend(ordered)
    used = {name for node in model.graph.node for name in node.input}
    kept = [one for one in model.graph.initializer if one.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
