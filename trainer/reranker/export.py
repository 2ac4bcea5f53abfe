"""The re-ranker as ``reranker.onnx``: features float32 [n, columns] -> score float32 [n]."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from streaming.gateway.rerank_model import INPUT, OUTPUT, OnnxReranker
from trainer.reranker.features import CANDIDATES, CONTRACT, NAMES
from trainer.reranker.network import CLIP, Network
from trainer.reranker.train import Trained

__all__ = ["OnnxReranker", "to_onnx", "trained_to_onnx"]

OPSET, IR = 20, 9
"""Gelu is an operator of its own from opset 20 on."""

COUNT = NAMES.index("rated_count")


def trained_to_onnx(trained: Trained, more: Mapping[str, Any] = MappingProxyType({})) -> bytes:
    """All that was trained and passed its gate, with its notes and ``more`` of them."""
    notes = {**trained.notes(), **more}
    return to_onnx(trained.networks, notes, trained.young_networks, trained.few)


def to_onnx(
    networks: Sequence[Network], notes: Mapping[str, Any], young: Sequence[Network] = (), few: int = 0
) -> bytes:
    """The mean of ``networks`` as one graph; its metadata say contract, columns, candidates and ``notes``.

    Lists of users of up to ``few`` ratings are ordered by ``young``, if there are any.
    """
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    low, high = constant("low", -CLIP), constant("high", CLIP)

    def mean_of(members: Sequence[Network], whose: str) -> str:
        outputs = []
        for i, network in enumerate(members):
            name = f"{whose}{i}"
            x = node("Sub", [INPUT, constant(f"{name}.mean", network.mean)], f"{name}.centred")
            x = node("Div", [x, constant(f"{name}.deviation", network.deviation)], f"{name}.standard")
            x = node("Clip", [x, low, high], f"{name}.clipped")
            hidden = x
            for layer in ("linear", "first", "second", "last"):
                part = getattr(network, layer)
                weight = constant(f"{name}.{layer}.weight", part.weight.detach().numpy())
                bias = constant(f"{name}.{layer}.bias", part.bias.detach().numpy())
                source = x if layer in ("linear", "first") else hidden
                made = node("Gemm", [source, weight, bias], f"{name}.{layer}", transB=1)
                if layer in ("first", "second"):
                    hidden = node("Gelu", [made], f"{name}.{layer}.gelu")
            outputs.append(node("Add", [f"{name}.linear", f"{name}.last"], f"{name}.sum"))
        return node("Mean", outputs, f"{whose}mean")

    scores = mean_of(networks, "")
    if young:
        # the column is log(1 + ratings); half a rating more keeps roundings out
        constants.append(numpy_helper.from_array(np.array([COUNT], dtype=np.int64), "count"))
        count = node("Gather", [INPUT, "count"], "rated", axis=1)
        is_few = node("Less", [count, constant("few", [np.log1p(few + 0.5)])], "is_few")
        scores = node("Where", [is_few, mean_of(young, "young."), scores], "scores")
    axes = numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")
    nodes.append(helper.make_node("Squeeze", [scores, "axes"], [OUTPUT]))
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
