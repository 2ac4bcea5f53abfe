"""A ViT from elsewhere as the poster model of an encoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from handlers.config import PosterModel
from handlers.network import poster_model
from handlers.vit import VisionTransformer, ViTConfig
from trainer.exceptions import TrainingError
from trainer.hub.fetch import Fetched, fetch
from trainer.progress import Progress

PREPROCESSOR_FILE = "preprocessor_config.json"
HALF = (0.5, 0.5, 0.5)
"""Mean and deviation that bring 0..1 to -1..1, what a ViT is given where nothing else is said."""


def hub_vit(reference: str, progress: Progress) -> tuple[PosterModel, VisionTransformer]:
    """The ViT of ``reference`` (:func:`trainer.hub.fetch.fetch`), as packages hold one.

    Raises:
        TrainingError: if it cannot be had, or is no ViT that can be run.
    """
    return vit_of(fetch(reference, progress))


def vit_of(found: Fetched) -> tuple[PosterModel, VisionTransformer]:
    """The ViT in ``found``; it takes pixels in -1..1, whatever mean and deviation it was trained with.

    Raises:
        TrainingError: if it is no ViT that can be run.
    """
    from transformers import ViTModel

    from trainer.hub.weights import pretrained

    config = _sizes(found, found.config("vit"))
    theirs = pretrained(ViTModel, found)
    ours = VisionTransformer(config)
    try:
        ours.load_state_dict(renamed(theirs.state_dict(), config.depth, *_normalised(found)))
    except (KeyError, RuntimeError) as error:
        # the library has named them otherwise before
        raise TrainingError(
            f"{found.origin}: the installed transformers names weights otherwise: {error}"
        ) from None
    return poster_model(config, origin=found.origin), ours.eval()


def _sizes(found: Fetched, config: dict[str, Any]) -> ViTConfig:
    """Raises TrainingError for what the code that runs a ViT does not know."""
    for name, known in {"hidden_act": "gelu", "num_channels": 3, "qkv_bias": True}.items():
        if config.get(name, known) != known:
            raise TrainingError(f"{found.origin} has the {name} {config[name]}, not {known}")
    size, patch = config.get("image_size", 224), config.get("patch_size", 16)
    height, width = size if isinstance(size, list) else (size, size)
    hidden = int(config.get("hidden_size", 768))
    wide = int(config.get("intermediate_size", 4 * hidden))
    if wide % hidden or isinstance(patch, list):
        raise TrainingError(f"{found.origin} has other shapes: {wide} of {hidden}, patches of {patch}")
    try:
        return ViTConfig(
            image_height=height,
            image_width=width,
            patch=patch,
            stem="patch",
            width=hidden,
            depth=int(config.get("num_hidden_layers", 12)),
            heads=int(config.get("num_attention_heads", 12)),
            mlp_ratio=wide // hidden,
            eps=float(config.get("layer_norm_eps", 1e-12)),
        )
    except ValueError as error:
        raise TrainingError(f"{found.origin}: {error}") from None


def _normalised(found: Fetched) -> tuple[Tensor, Tensor]:
    """Mean and deviation [3] of the pixels 0..1 that it was trained with."""
    said = found.json(PREPROCESSOR_FILE) if (found.folder / PREPROCESSOR_FILE).is_file() else {}
    if not said.get("do_normalize", True):
        return torch.zeros(3), torch.ones(3)
    mean, deviation = (torch.tensor(said.get(name) or HALF) for name in ("image_mean", "image_std"))
    if mean.shape != (3,) or deviation.shape != (3,) or not (deviation > 0).all():
        raise TrainingError(f"{found.origin}: {PREPROCESSOR_FILE} has no mean and deviation of three colours")
    return mean, deviation


def renamed(theirs: dict[str, Tensor], depth: int, mean: Tensor, deviation: Tensor) -> dict[str, Tensor]:
    """Weights of ``transformers.ViTModel`` as those of :class:`handlers.vit.VisionTransformer`.

    Theirs see (p - mean) / deviation of pixels p in 0..1, ours 2 p - 1: the first layer, which is linear,
    takes up the difference.
    """
    kernel = theirs["embeddings.patch_embeddings.projection.weight"]
    shift = ((0.5 - mean) / deviation)[None, :, None, None]
    out = {
        "stem.weight": kernel * (0.5 / deviation)[None, :, None, None],
        "stem.bias": theirs["embeddings.patch_embeddings.projection.bias"] + (kernel * shift).sum((1, 2, 3)),
        "cls": theirs["embeddings.cls_token"],
        "positions": theirs["embeddings.position_embeddings"],
        "norm.weight": theirs["layernorm.weight"],
        "norm.bias": theirs["layernorm.bias"],
    }
    for layer in range(depth):
        for kind in ("weight", "bias"):
            said = {name: theirs[f"layers.{layer}.{name}.{kind}"] for name in _LAYER}
            qkv = torch.cat([said[f"attention.{name}_proj"] for name in "qkv"])
            block = {"attention.qkv": qkv, **{ours: said[name] for name, ours in _LAYER.items() if ours}}
            out |= {f"blocks.{layer}.{name}.{kind}": tensor for name, tensor in block.items()}
    return out


_LAYER = {
    "attention.q_proj": "",
    "attention.k_proj": "",
    "attention.v_proj": "",
    "attention.o_proj": "attention.out",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.2",
}
"""Their names of a layer's parts, and ours; the first three are one."""
