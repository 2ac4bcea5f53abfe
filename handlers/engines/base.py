"""The protocol between handlers and engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Inputs = Mapping[str, npt.NDArray[Any]]
Outputs = dict[str, npt.NDArray[np.float32]]


class Engine(Protocol):
    """One executable form of a model. Used by one thread at a time."""

    name: str
    """What answers and logs call it: ``onnxruntime``, ``onnxruntime-int8``, ``eager``."""
    reduced_precision: bool
    """Whether it computes in less than float32, which widens its parity limits."""

    def run(self, inputs: Inputs) -> Outputs:
        """One forward pass; inputs and outputs as the model's ONNX file names them, first axis the batch."""
        ...
