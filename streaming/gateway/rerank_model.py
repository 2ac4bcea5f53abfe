"""``reranker.onnx`` on one core: features in, one score a candidate out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from streaming.exceptions import MarqueeError
from streaming.gateway.rerank_features import CONTRACT, NAMES, Float32

INPUT, OUTPUT = "features", "score"


class RerankerRefusedError(MarqueeError):
    """A file is no re-ranker, or one that was trained with other features than this code computes."""


class OnnxReranker:
    """A loaded re-ranker; threads may share it.

    ``metadata`` is what training wrote into the file: ``contract``, ``columns``, ``candidates`` and, as
    JSON, ``notes``.
    """

    def __init__(self, model: bytes) -> None:
        """Raises RerankerRefusedError if ``model`` cannot be loaded, or is of another contract."""
        # half a second and 40 MB that gateways without a re-ranker need not spend
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        # what onnxruntime raises for damaged files is not one type
        except Exception as error:
            raise RerankerRefusedError(f"the re-ranker cannot be loaded: {str(error)[:200]}") from None
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        if (self.metadata.get("contract"), self.metadata.get("columns")) != (str(CONTRACT), ",".join(NAMES)):
            raise RerankerRefusedError(
                "the re-ranker was trained with other features than this code computes"
            )
        shapes = [tuple(one.shape) for one in self._session.get_inputs()]
        if len(shapes) != 1 or shapes[0][1:] != (len(NAMES),):
            raise RerankerRefusedError(f"the re-ranker takes {shapes}, not [n, {len(NAMES)}]")

    @property
    def notes(self) -> dict[str, Any]:
        """What training noted: the gate's figures and the like threshold; empty where there is none."""
        try:
            found = json.loads(self.metadata.get("notes", "{}"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def score(self, features: Float32) -> Float32:
        """float32 [n] of features [n, columns]."""
        out: Float32 = self._session.run([OUTPUT], {INPUT: features})[0]
        return out

    def order(self, features: Float32) -> npt.NDArray[np.int64]:
        """Positions [n], best first; ties stay in the order they came in."""
        return np.argsort(-self.score(features), kind="stable").astype(np.int64)
