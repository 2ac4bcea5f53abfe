"""A searcher's vector: the mean of known films, weighted by how much their texts and posters are like his.

As a profile is the mean of the films that a user likes. What an encoder says of the words as of a film will
not do: of films without genres or year it says mostly what all such films have in common, and finds these.
Nadaraya-Watson regression with a softmax kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class QueryHead(nn.Module):
    """Vectors [m, dim] of known films, as they are served; whoever asks knows how alike they are.

    ``sharpness`` is :attr:`handlers.config.QueryConfig.sharpness`.
    """

    def __init__(self, films: int, dim: int, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.register_buffer("vectors", torch.zeros(films, dim))
        self.vectors: Tensor

    def forward(self, alike: Tensor) -> Tensor:
        """Cosines [n, m], of texts and posters added up -> float32 [n, dim]."""
        shares = (self.sharpness * alike).softmax(dim=-1)
        return shares @ self.vectors


def answered(said: Tensor, asked: Tensor, query: Tensor) -> Tensor:
    """[n, dim]: ``asked`` where ``query`` [n] is 1, ``said`` where it is 0."""
    chosen = query[:, None]
    return (1 - chosen) * said + chosen * asked
