"""The content side of a package: what it answers for films from what they are, not from ratings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from handlers.config import EncoderConfig, QueryConfig
from trainer.space.choice import Choice, sample_weights
from trainer.space.content import fit_ridge
from trainer.space.matrix import Interactions, most_rated
from trainer.space.mixing import Mix

Float64 = npt.NDArray[np.float64]
KNOWN = 2048
"""Films with most ratings that searches are compared with, where there are as many."""


@dataclass(frozen=True)
class ContentSide:
    """Config and weights as they go into the package, already rounded."""

    config: EncoderConfig
    weights: dict[str, npt.NDArray[Any]]
    vectors: npt.NDArray[np.float32]
    """[items, dim]: content vectors of the films it was trained with."""
    mix: Mix
    """How its vectors join those of ratings; its scale is in ``weights`` and ``vectors`` already."""
    known: npt.NDArray[np.int64]
    """Places of the films that searches are compared with."""
    asked: dict[str, npt.NDArray[Any]]
    """Weights that searches alone need, beside the vectors of these films."""
    parameters: dict[str, float | int | str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)

    def answering_queries(self, served: npt.NDArray[np.float32]) -> ContentSide:
        """With a head for searches; ``served`` [items, dim] are the films' vectors that these are to find."""
        config = msgspec.structs.replace(self.config, query=QueryConfig(films=len(self.known)))
        head = {**self.asked, "query_head.vectors": served[self.known].astype(np.float16)}
        return replace(self, config=config, weights=self.weights | head)


def linear_side(
    config: EncoderConfig, features: Float64, targets: Float64, data: Interactions, choice: Choice
) -> ContentSide:
    """Ridge regression on ``features`` [items, text width + side], learnt from films with ratings."""
    counts = data.counts()
    warm = counts > 0
    ridge = fit_ridge(features[warm], targets[warm], sample_weights(counts[warm]), choice.penalty)
    scale = choice.content_scale
    weight, bias = (scale * ridge.weights.T).astype(np.float16), (scale * ridge.bias).astype(np.float32)
    width = config.text_model.width
    weights: dict[str, npt.NDArray[Any]] = {
        "text_head.weight": np.ascontiguousarray(weight[:, :width]),
        "text_head.bias": bias,
        "side_head.weight": np.ascontiguousarray(weight[:, width:]),
    }
    vectors = features.astype(np.float32) @ weight.T.astype(np.float32) + bias
    known = most_rated(counts, min(KNOWN, int(warm.sum())))
    asked = {"known_text": features[known, :width].astype(np.float16)}
    return ContentSide(config, weights, vectors, choice.mix, known, asked)
