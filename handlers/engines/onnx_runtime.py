"""ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handlers.engines.base import Inputs, Outputs
from handlers.exceptions import EngineUnavailableError


class OnnxRuntimeEngine:
    """An ONNX file in one session with ``threads`` threads."""

    def __init__(self, path: Path, threads: int = 1, reduced_precision: bool = False) -> None:
        """Loads ``path``.

        Raises:
            EngineUnavailableError: if the library or the file is missing, or it refuses the file.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise EngineUnavailableError(f"onnxruntime is not installed ({error})") from None
        options = onnxruntime.SessionOptions()
        # workers are processes: more threads than cores in all only fight each other
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if not path.is_file():
            raise EngineUnavailableError(f"{path.name} is neither in the package nor made here")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the library raises a dozen kinds of its own
            raise EngineUnavailableError(f"{path.name} is refused: {str(error).splitlines()[0]}") from None
        self.name = "onnxruntime-int8" if reduced_precision else "onnxruntime"
        self.reduced_precision = reduced_precision
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, inputs: Inputs) -> Outputs:
        """One forward pass."""
        values = self._session.run(self._outputs, dict(inputs))
        return {name: np.asarray(value) for name, value in zip(self._outputs, values, strict=True)}
