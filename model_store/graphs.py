"""ONNX graphs whose nodes can be spoken of."""

from __future__ import annotations

from pathlib import Path

import onnx


def load_named(source: Path) -> onnx.ModelProto:
    """The graph in ``source``; nodes without a name get one, the same each time."""
    model = onnx.load(source)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{number}"
    return model
