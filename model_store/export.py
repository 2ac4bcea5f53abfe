"""A network's ONNX file, batch and length dynamic."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from model_store.manifest import Tensor

OPSET = 20


def dynamic_shapes(inputs: Mapping[str, Tensor]) -> dict[str, dict[int, Any]]:
    """Which axes of each input vary, as ``torch.export`` wants it told: one size a name."""
    import torch

    made: dict[str, Any] = {}
    shapes: dict[str, dict[int, Any]] = {}
    for name, tensor in inputs.items():
        shapes[name] = {}
        for axis, size in enumerate(tensor.shape):
            if isinstance(size, str):
                low, high = tensor.range[size]
                # one row would be taken for a constant
                made.setdefault(size, torch.export.Dim(size, min=max(low, 1), max=high))
                shapes[name][axis] = made[size]
    return shapes


def export_onnx(
    network: Any, path: Path, example: Mapping[str, npt.NDArray[Any]], inputs: Mapping[str, Tensor]
) -> None:
    """Writes the torch module ``network`` as ONNX in float32.

    Args:
        example: inputs by name, at least 2 rows: an example of one would be taken for a constant.
        inputs: their shapes, in the order of the module's arguments.
    """
    import torch

    shapes = dynamic_shapes(inputs)
    with torch.no_grad(), _quiet_exporter():
        torch.onnx.export(
            network,
            (),
            str(path),
            kwargs={name: torch.from_numpy(example[name]) for name in inputs},
            input_names=list(inputs),
            output_names=["vector"],
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter speaks of torchvision, which we do not use, and of its own names for axes."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="# The axis name")
            yield
    finally:
        logger.setLevel(level)
