"""The re-ranker as ``reranker.onnx``: features float32 [n, columns] -> score float32 [n]."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streaming.gateway.rerank_model import INPUT, OUTPUT, OnnxReranker
from trainer.reranker.features import CANDIDATES, CONTRACT, NAMES
from trainer.reranker.network import CLIP, Network

__all__ = ["OnnxReranker", "to_onnx"]

OPSET, IR = 20, 9
"""Gelu is an operator of its own from opset 20 on."""


def to_onnx(networks: list[Network], notes: Mapping[str, Any]) -> bytes:
    """The mean of ``networks`` as one graph; its metadata say contract, columns, candidates and ``notes``."""
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    low, high = constant("low", -CLIP), constant("high", CLIP)
    outputs = []
    for i, network in enumerate(networks):
        x = node("Sub", [INPUT, constant(f"{i}.mean", network.mean)], f"{i}.centred")
        x = node("Div", [x, constant(f"{i}.deviation", network.deviation)], f"{i}.standard")
        x = node("Clip", [x, low, high], f"{i}.clipped")
        hidden = x
        for layer in ("linear", "first", "second", "last"):
            part = getattr(network, layer)
            weight = constant(f"{i}.{layer}.weight", part.weight.detach().numpy())
            bias = constant(f"{i}.{layer}.bias", part.bias.detach().numpy())
            source = x if layer in ("linear", "first") else hidden
            made = node("Gemm", [source, weight, bias], f"{i}.{layer}", transB=1)
            if layer in ("first", "second"):
                hidden = node("Gelu", [made], f"{i}.{layer}.gelu")
        outputs.append(node("Add", [f"{i}.linear", f"{i}.last"], f"{i}.sum"))
    mean = node("Mean", outputs, "mean")
    axes = numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")
    nodes.append(helper.make_node("Squeeze", [mean, "axes"], [OUTPUT]))
    graph = helper.make_graph(
        nodes,
        "reranker",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", len(NAMES)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n"])],
        [*constants, axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    helper.set_model_props(
        model,
        {
            "contract": str(CONTRACT),
            "columns": ",".join(NAMES),
            "candidates": str(CANDIDATES),
            "notes": json.dumps(notes, sort_keys=True),
        },
    )
    onnx.checker.check_model(model, full_check=True)
    encoded: bytes = model.SerializeToString()
    return encoded
