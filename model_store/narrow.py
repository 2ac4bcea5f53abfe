"""BERT with its matrices and attention in bfloat16, for processors that multiply it natively.

What is summed up along the layers stays in float32, and so does all that comes after BERT: bfloat16 has 8
bits, which is enough for what a layer adds and too little for sums that nearly cancel.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from handlers.engines.machine import cpu_flags


def multiplies_bf16() -> bool:
    """Whether this processor does; elsewhere it is slower than float32."""
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(cpu_flags())


class NarrowLinear(nn.Module):
    """Linear maps of one input as one, in bfloat16: float32 [..., in] -> bfloat16 [..., out]."""

    def __init__(self, *maps: nn.Linear) -> None:
        super().__init__()
        weight = torch.cat([one.weight.detach() for one in maps]).bfloat16()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", torch.cat([one.bias.detach() for one in maps]).bfloat16())
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        """As the class says."""
        return functional.linear(rows.bfloat16(), self.weight, self.bias)


class NarrowLayer(nn.Module):
    """One layer of BERT (post-norm): float32 [n, t, width], additive mask [n, 1, 1, t] -> [n, t, width]."""

    def __init__(self, layer: Any, heads: int) -> None:
        super().__init__()
        attention, own = layer.attention, layer.attention.self
        self.heads = heads
        self.qkv = NarrowLinear(own.query, own.key, own.value)
        self.mixed = NarrowLinear(attention.output.dense)
        self.wide = NarrowLinear(layer.intermediate.dense)
        self.back = NarrowLinear(layer.output.dense)
        self.norm1: nn.LayerNorm = attention.output.LayerNorm
        self.norm2: nn.LayerNorm = layer.output.LayerNorm

    def forward(self, hidden: Tensor, additive: Tensor) -> Tensor:
        """As the class says."""
        count, tokens, width = hidden.shape
        split = self.qkv(hidden).reshape(count, tokens, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        mask = additive.to(q.dtype).expand(-1, 1, tokens, -1)
        heard = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        heard = heard.transpose(1, 2).reshape(count, tokens, width)
        hidden = self.norm1(hidden + self.mixed(heard).float())
        wide = functional.gelu(self.wide(hidden).float())
        out: Tensor = self.norm2(hidden + self.back(wide).float())
        return out


def narrow(bert: BertModel) -> None:
    """Has ``bert`` compute its layers in bfloat16 from now on."""
    layers: Any = bert.encoder.layer
    for number, layer in enumerate(layers):
        layers[number] = NarrowLayer(layer, bert.config.num_attention_heads)
