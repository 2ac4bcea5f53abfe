"""The ONNX file in float16, for GPUs: strongly typed engines take the precision from the file."""

from __future__ import annotations

from pathlib import Path

import onnx

LARGEST = 60_000.0
"""Constants beyond it (the -1e9 of masks) are cut to it: float16 ends at 65,504; infinity becomes NaN."""


def halve(source: Path, target: Path) -> int:
    """Writes ``target``, ``source`` with its float32 computed in float16; how many weights that holds.

    Inputs and outputs stay float32.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = convert_float_to_float16(onnx.load(source), max_finite_val=LARGEST, keep_io_types=True)
    # casts at inputs and outputs stand behind the nodes that need them
    OnnxModel(model).topological_sort()
    onnx.checker.check_model(model)
    onnx.save(model, target)
    return sum(one.data_type == onnx.TensorProto.FLOAT16 for one in model.graph.initializer)
