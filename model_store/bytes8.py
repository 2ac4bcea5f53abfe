"""Linear maps in 8 bits: weights with a scale an output, activations with one a row, as they come.

Whole products are integers (VNNI multiplies four at a time), so no block has a scale of its own as in
:mod:`model_store.int8`. What that costs in closeness is won back before: outlying channels are divided out
(SmoothQuant, Xiao et al. 2023, equation 4), each row uses all 256 steps between its least and its largest
value, and weights are rounded so that what one rounding does to outputs the next make good
(:mod:`model_store.rounding`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_store.rounding import round_to_steps

ALPHA = 0.6
"""How much of an outlier moves into the weights."""
_LEAST = 1e-5


class ByteLinear(nn.Module):
    """Linear maps of one input as one, in int8: float32 or bfloat16 [..., in] -> float32 [..., out].

    Args:
        maps: they share their input; outputs stand one behind the other.
        seen: float32 [n, in], inputs that they met, by which outliers and roundings are judged.
    """

    def __init__(self, *maps: nn.Linear, seen: Tensor) -> None:
        super().__init__()
        weight = torch.cat([one.weight.detach() for one in maps]).float()
        largest, of_weights = seen.abs().amax(0).clamp(min=_LEAST), weight.abs().amax(0).clamp(min=_LEAST)
        factor = (largest**ALPHA / of_weights ** (1 - ALPHA)).clamp(min=_LEAST)
        weight = weight * factor
        steps = weight.abs().amax(1).clamp(min=1e-12) / 127
        whole = round_to_steps(weight, steps, seen / factor)
        self.register_buffer("weight", whole.to(torch.int8).T.contiguous())
        self.register_buffer("sums", whole.sum(1))
        self.register_buffer("steps", steps)
        self.register_buffer("smooth", 1 / factor)
        self.register_buffer("bias", torch.cat([one.bias.detach() for one in maps]).float())
        self.weight: Tensor
        self.sums: Tensor
        self.steps: Tensor
        self.smooth: Tensor
        self.bias: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        """As the class says."""
        flat = rows.reshape(-1, rows.shape[-1]).float() * self.smooth
        low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
        step = (high - low).clamp(min=1e-8) / 255
        offset = -128 - (low / step).round()
        eight = ((flat * (1 / step)).round() + offset).clamp(-128, 127).to(torch.int8)
        product = torch._int_mm(eight, self.weight).float()
        out: Tensor = (product - offset * self.sums) * (step * self.steps) + self.bias
        return out.reshape(*rows.shape[:-1], -1)
