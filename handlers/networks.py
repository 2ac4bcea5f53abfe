"""The network of a package of any kind, as a torch module: the reference that engines are held against."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertModel

from handlers.bert import load_bert, pooled, token_states
from handlers.config import load_config
from handlers.fusion import poster_vector
from handlers.kinds import kind_of
from handlers.network import load_network
from handlers.poster_model import load_vit
from handlers.text_model import text_files
from handlers.texts import load_text_config
from handlers.vit import VisionTransformer


class TextNetwork(nn.Module):
    """(input_ids int64 [n, t], attention_mask int64 [n, t]) -> float32 [n, width], unit means of words."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """float32 [n, width]."""
        return self.of_states(token_states(self.bert, input_ids, attention_mask), attention_mask)

    def of_states(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """float32 [n, width] from what BERT said, [n, t, width]."""
        return pooled(states, attention_mask)


class PosterNetwork(nn.Module):
    """(pixels float32 [n, 3, height, width]) -> float32 [n, width], unit means of tokens."""

    def __init__(self, vit: VisionTransformer) -> None:
        super().__init__()
        self.vit = vit

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 [n, width]."""
        tokens = self.vit(pixels)
        return poster_vector(tokens, torch.ones_like(tokens[:, 0, 0]))


def load_model(folder: Path) -> nn.Module:
    """The network of the package in ``folder``, in float32 on the CPU; takes its inputs by name.

    Raises:
        PackageFileError: if configuration, text model or weights are missing or do not fit.
    """
    kind = kind_of(folder)
    if kind == "item-encoder":
        return load_network(folder, load_config(folder))
    if kind == "text-encoder":
        return TextNetwork(load_bert(text_files(load_text_config(folder).text_model, folder))).eval()
    return PosterNetwork(load_vit(folder)).eval()
