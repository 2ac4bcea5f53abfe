"""BERT over words without padding, its matrices and attention in as many bits as they are given; so a ViT's.

What is summed up along the layers stays in float32, and so does all that comes after BERT: bfloat16 has 8
bits, which is enough for what a layer adds and too little for sums that nearly cancel. Of a ViT it is the
matrices of its blocks; it looks at no posters but those that are there.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from handlers.engines.machine import cpu_flags
from handlers.vit import VisionTransformer

PARTS = ("qkv", "mixed", "wide", "back")
"""The linear maps of a layer; those of queries, keys and values are one."""


def multiplies_bf16() -> bool:
    """Whether this processor does; elsewhere it is slower than float32."""
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(cpu_flags())


def multiplies_int8() -> bool:
    """Whether this processor does, four numbers at a time."""
    return not {"avx512_vnni", "amx_int8"}.isdisjoint(cpu_flags())


def maps_of(layer: Any) -> dict[str, tuple[nn.Linear, ...]]:
    """:data:`PARTS` of one of ``transformers``' BERT layers."""
    attention, own = layer.attention, layer.attention.self
    return {
        "qkv": (own.query, own.key, own.value),
        "mixed": (attention.output.dense,),
        "wide": (layer.intermediate.dense,),
        "back": (layer.output.dense,),
    }


class NarrowLinear(nn.Module):
    """Linear maps of one input as one, in ``dtype``: [..., in] of any -> [..., out] of ``dtype``."""

    def __init__(self, *maps: nn.Linear, dtype: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.register_buffer("weight", torch.cat([one.weight.detach() for one in maps]).to(dtype))
        self.register_buffer("bias", torch.cat([one.bias.detach() for one in maps]).to(dtype))
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        """As the class says."""
        return functional.linear(rows.to(self.weight.dtype), self.weight, self.bias)


class _WithinFloat(NarrowLinear):
    """One map in ``dtype``, for those that go on in float32."""

    def forward(self, rows: Tensor) -> Tensor:
        """float32 [..., in] -> float32 [..., out]."""
        return super().forward(rows).float()


def narrow_vit(vit: VisionTransformer, dtype: torch.dtype) -> VisionTransformer:
    """A copy of ``vit`` with the matrices of its blocks in ``dtype``; itself in float32."""
    if dtype == torch.float32:
        return vit
    made = copy.deepcopy(vit)
    for block in made.blocks:
        for name, one in list(block.named_modules()):
            if isinstance(one, nn.Linear):
                block.set_submodule(name, _WithinFloat(one, dtype=dtype))
    return made


class PackedLayer(nn.Module):
    """One layer of BERT (post-norm) over packed words (:mod:`handlers.engines.packing`).

    float32 [m, width], additive mask [n, 1, 1, t], ``at`` [n, t], ``taken`` [m] -> float32 [m, width].
    """

    qkv: nn.Module
    mixed: nn.Module
    wide: nn.Module
    back: nn.Module

    def __init__(self, layer: Any, heads: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.heads, self.dtype = heads, dtype
        for part, maps in maps_of(layer).items():
            self.add_module(part, NarrowLinear(*maps, dtype=dtype))
        self.norm1: nn.LayerNorm = layer.attention.output.LayerNorm
        self.norm2: nn.LayerNorm = layer.output.LayerNorm

    def forward(self, hidden: Tensor, additive: Tensor, at: Tensor, taken: Tensor) -> Tensor:
        """As the class says."""
        count, tokens = at.shape
        width = hidden.shape[1]
        qkv = self.qkv(hidden).to(self.dtype).index_select(0, at.reshape(-1))
        split = qkv.reshape(count, tokens, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        # two and a half times as fast as torch's own attention, which for so few words mostly prepares
        scores = (q @ k.transpose(-2, -1)).float() * (width // self.heads) ** -0.5 + additive
        heard = scores.softmax(dim=-1).to(self.dtype) @ v
        heard = heard.transpose(1, 2).reshape(count * tokens, width).index_select(0, taken)
        hidden = self.norm1(hidden + self.mixed(heard).float())
        wide = functional.gelu(self.wide(hidden).float())
        out: Tensor = self.norm2(hidden + self.back(wide).float())
        return out


class PackedNetwork(nn.Module):
    """A network that reads words, over packed ones; its other inputs by their names.

    Args:
        network: has ``bert`` and ``of_states``, and where it reads posters ``vit`` and ``answer``.
        dtype: of BERT's matrices and attention, and of the ViT's matrices.
    """

    def __init__(self, network: Any, dtype: torch.dtype) -> None:
        super().__init__()
        bert: BertModel = network.bert
        self.embeddings = bert.embeddings
        layers: Any = bert.encoder.layer
        self.layers = nn.ModuleList(
            PackedLayer(one, bert.config.num_attention_heads, dtype) for one in layers
        )
        self.vit = narrow_vit(network.vit, dtype) if getattr(network, "reads_posters", False) else None
        self.after = network

    def forget_original(self) -> None:
        """Lets go of BERT and ViT as they were, which a compiler would take along."""
        self.after.bert = nn.Identity()
        if self.vit is not None:
            self.after.vit = nn.Identity()

    def forward(
        self,
        words: Tensor,
        places: Tensor,
        at: Tensor,
        taken: Tensor,
        attention_mask: Tensor,
        side: Tensor | None = None,
        query: Tensor | None = None,
        pixels: Tensor | None = None,
        has_poster: Tensor | None = None,
        poster_at: Tensor | None = None,
    ) -> Tensor:
        """int64 [m], [m], [n, t], [m], [n, t] and what else the network takes, packed -> float32 [n, dim]."""
        known = self.embeddings
        hidden = known.word_embeddings(words) + known.position_embeddings(places)
        hidden = known.LayerNorm(hidden + known.token_type_embeddings.weight[0])
        additive = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * -1e9
        for layer in self.layers:
            hidden = layer(hidden, additive, at, taken)
        states = hidden.index_select(0, at.reshape(-1)).reshape(*at.shape, -1)
        if self.vit is not None and pixels is not None and poster_at is not None:
            patches = self.vit(pixels).index_select(0, poster_at)
            seen: Tensor = self.after.answer(states, attention_mask, side, patches, has_poster, query)
            return seen
        others = [one for one in (side, query) if one is not None]
        out: Tensor = self.after.of_states(states, attention_mask, *others)
        return out
