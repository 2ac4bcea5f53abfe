"""What may be chosen when the poster model is trained."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from handlers.vit import ViTConfig


class ViTOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one training. All but ``threads`` and ``precision`` decide what is learnt."""

    model: ViTConfig = ViTConfig()
    epochs: int = 30
    """At most."""
    patience: int = 8
    """Epochs without a better validation figure after which training ends early."""
    batch: int = 64
    rate: float = 1e-3
    """Highest learning rate, of AdamW; reached after ``warmup`` epochs."""
    warmup: float = 1.5
    cooldown: float = 0.25
    """Share of the epochs, the last ones, over which the rate falls to zero as 1 - sqrt."""
    decay: float = 0.05
    distil: float = 1.0
    """Weight of the loss against the teacher, for CLS and for patches each."""
    genre: float = 2.0
    """Weight of the genre loss."""
    contrast: float = 0.1
    """Weight of the contrast with the film's text."""
    smallest_crop: float = 0.7
    """Least share of a poster's height (and width) that a training crop keeps."""
    jitter: float = 0.25
    """Brightness, contrast and saturation vary by this share."""
    max_tokens: int = 64
    """Of a film's text."""
    validation_share: float = 0.05
    seed: int = 0
    limit: int = 0
    """Posters at most, for trials; 0 is all."""
    threads: int = 0
    """Of torch; 0 is one for each core. Equal results need equal threads."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """``auto`` is bf16 where the processor or GPU multiplies it natively."""

    @classmethod
    def of(cls, **chosen: Any) -> ViTOptions:
        """Options with their types checked.

        Raises:
            ValueError: if one is of another type or unknown.
        """
        unknown = set(chosen) - set(cls.__struct_fields__)
        if unknown:
            raise ValueError(f"no such option: {', '.join(sorted(unknown))}")
        return msgspec.convert(chosen, cls)

    @property
    def digest(self) -> str:
        """Names these options; a run is resumed only under the same."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()
