"""The ONNX file in float16, for GPUs: strongly typed engines take the precision from the file."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

import onnx

from model_store.graphs import load_named

LARGEST = 60_000.0
"""Constants beyond it (the -1e9 of masks) are cut to it: float16 ends at 65,504; infinity becomes NaN."""
_OWN_OUTPUT = "_cast_to_fp16"
"""How the converter renames what a node in float32 gives."""


def nodes(source: Path) -> list[str]:
    """The names of a graph's nodes, in its order."""
    return [node.name for node in load_named(source).graph.node]


def halve(source: Path, target: Path, only: Collection[str] | None = None) -> int:
    """Writes ``target``, ``source`` with its float32 computed in float16; how many weights that holds.

    Inputs and outputs stay float32.

    Args:
        only: those of :func:`nodes` that are computed so; all by default.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = load_named(source)
    kept = [] if only is None else [node.name for node in model.graph.node if node.name not in set(only)]
    logger = logging.getLogger("onnxruntime.transformers.float16")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        model = convert_float_to_float16(
            model, max_finite_val=LARGEST, keep_io_types=True, node_block_list=kept
        )
    finally:
        logger.setLevel(level)
    _drop_repeated_casts(model)
    _keep_float32_between(model)
    # casts at inputs and outputs stand behind the nodes that need them
    OnnxModel(model).topological_sort()
    onnx.checker.check_model(model)
    onnx.save(model, target)
    return sum(one.data_type == onnx.TensorProto.FLOAT16 for one in model.graph.initializer)


def _drop_repeated_casts(model: onnx.ModelProto) -> None:
    """The converter writes the same cast once for each node in float32 that reads the tensor."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for node in model.graph.node:
        if node.op_type == "Cast":
            if (node.input[0], node.output[0]) in seen:
                continue
            seen.add((node.input[0], node.output[0]))
        kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _keep_float32_between(model: onnx.ModelProto) -> None:
    """The converter rounds what nodes in float32 hand to each other; they are to read it as it is."""
    whole = {
        one.name for one in model.graph.input if one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    casts = {node.output[0]: node for node in model.graph.node if node.op_type == "Cast"}
    straight = {}
    for name, node in casts.items():
        first = casts.get(node.input[0])
        if first is None or (_target(first), _target(node)) != (
            onnx.TensorProto.FLOAT16,
            onnx.TensorProto.FLOAT,
        ):
            continue
        if first.input[0] in whole or first.input[0].endswith(_OWN_OUTPUT):
            straight[name] = first.input[0]
    for name, before in straight.items():
        casts[name].input[0] = before


def _target(cast: onnx.NodeProto) -> int:
    return next(int(one.i) for one in cast.attribute if one.name == "to")
