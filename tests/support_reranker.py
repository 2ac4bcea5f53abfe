"""Re-rankers of random weights, which no order of the first stage survives, and packages that hold them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from streaming.gateway.rerank_model import OnnxReranker
from trainer.reranker.export import to_onnx
from trainer.reranker.features import NAMES
from trainer.reranker.network import LearningOptions, Network


def model_bytes(seed: int, notes: Mapping[str, Any], members: int = 1) -> bytes:
    """``reranker.onnx`` of so many networks."""
    torch.manual_seed(seed)
    networks = [_network() for _ in range(members)]
    return to_onnx(networks, notes)


def _network() -> Network:
    network = Network(torch.zeros(len(NAMES)), torch.ones(len(NAMES)), LearningOptions()).eval()
    with torch.no_grad():
        network.linear.weight.normal_()
        network.last.weight.normal_()
    return network


def model(seed: int, notes: Mapping[str, Any]) -> OnnxReranker:
    """The same, loaded."""
    return OnnxReranker(model_bytes(seed, notes))


def write_package(
    root: Path,
    name: str,
    version: str,
    seed: int | None,
    notes: Mapping[str, Any] | None = None,
    members: int = 1,
) -> Path:
    """As much of a built package as a gateway reads: its manifest, and the model where ``seed`` is given."""
    folder = root / name / version
    folder.mkdir(parents=True)
    files = {}
    if seed is not None:
        content = model_bytes(seed, notes or {}, members)
        (folder / "reranker.onnx").write_bytes(content)
        files["reranker.onnx"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / "manifest.json").write_text(
        json.dumps({"schema": 1, "name": name, "version": version, "files": files})
    )
    return folder
