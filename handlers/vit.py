"""The vision transformer that reads posters, as a torch module; trained by ``marquee train vit``.

Sources: Dosovitskiy et al., An Image is Worth 16x16 Words (2021), section 3.1, with pre-norm blocks; Xiao et
al., Early Convolutions Help Transformers See Better (2021), section 4, for the stem.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import msgspec
import torch
from torch import Tensor, nn


class ViTConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes; fixed when a package is trained."""

    image_height: int = 96
    image_width: int = 64
    """Pixels; both are multiples of ``patch``."""
    patch: int = 16
    """Pixels of a patch's side; with the stem ``conv`` a power of two."""
    stem: Literal["conv", "patch"] = "conv"
    """How pixels become patches: convolutions of stride 2, or one linear map as in the first ViT."""
    width: int = 192
    """Of a token."""
    depth: int = 6
    heads: int = 3
    mlp_ratio: int = 4
    eps: float = 1e-6
    """Added to variances by layer norms."""

    def __post_init__(self) -> None:
        if min(self.image_height, self.image_width, self.patch, self.depth, self.heads, self.mlp_ratio) < 1:
            raise ValueError("sizes of a ViT are at least 1")
        if self.image_height % self.patch or self.image_width % self.patch:
            raise ValueError(
                f"{self.image_height} x {self.image_width} pixels are not whole patches of {self.patch}"
            )
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        if self.stem == "conv" and (
            self.patch < 2 or self.patch & (self.patch - 1) or self.width % self.patch
        ):
            raise ValueError("the stem conv needs a patch that is a power of two and divides the width")

    @property
    def grid(self) -> tuple[int, int]:
        """Patches (down, across)."""
        return self.image_height // self.patch, self.image_width // self.patch

    @property
    def patches(self) -> int:
        """Number of patches; tokens are one more, for CLS."""
        rows, columns = self.grid
        return rows * columns


class Attention(nn.Module):
    """Multi-head self-attention written out, so that opset 20 can say it. [n, t, width] -> the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """float32 [n, t, width] -> [n, t, width]."""
        _, count, width = tokens.shape
        head = width // self.heads
        q, k, v = self.qkv(tokens).reshape(-1, count, 3, self.heads, head).permute(2, 0, 3, 1, 4).unbind(0)
        shares = ((q * head**-0.5) @ k.transpose(-2, -1)).softmax(dim=-1)
        mixed: Tensor = self.out((shares @ v).transpose(1, 2).reshape(-1, count, width))
        return mixed


class Block(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        width = config.width
        self.norm1 = nn.LayerNorm(width, eps=config.eps)
        self.attention = Attention(width, config.heads)
        self.norm2 = nn.LayerNorm(width, eps=config.eps)
        self.mlp = nn.Sequential(
            nn.Linear(width, width * config.mlp_ratio), nn.GELU(), nn.Linear(width * config.mlp_ratio, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """float32 [n, t, width] -> [n, t, width]."""
        tokens = tokens + self.attention(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


def _stem(config: ViTConfig) -> nn.Module:
    if config.stem == "patch":
        return nn.Conv2d(3, config.width, config.patch, config.patch)
    halvings = config.patch.bit_length() - 1
    channels = [3, *(config.width >> (halvings - 1 - i) for i in range(halvings))]
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        # one group: normalised within an image, so that an image's tokens do not hang on its batch
        layers += [
            nn.Conv2d(before, after, 3, 2, 1, bias=False),
            nn.GroupNorm(1, after),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(config.width, config.width, 1))


class VisionTransformer(nn.Module):
    """(pixels float32 [n, 3, height, width], as :mod:`handlers.pixels` makes them) -> tokens.

    Tokens are float32 [n, 1 + patches, width], layer-normed: CLS first, then patches row by row.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = _stem(config)
        self.cls = nn.Parameter(torch.zeros(1, 1, config.width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + config.patches, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=config.eps)
        nn.init.trunc_normal_(self.positions, std=0.02)
        nn.init.trunc_normal_(self.cls, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """float32 [n, 3, height, width] -> float32 [n, 1 + patches, width]."""
        patches = self.stem(pixels).flatten(2).transpose(1, 2)
        cls = self.cls.expand(patches.shape[0], -1, -1)
        tokens = torch.cat([cls, patches], dim=1) + self.positions
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.norm(tokens)
        return out
