"""A poster-encoder package's files: ``config.json`` and the weights of its vision transformer."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from handlers.config import WEIGHTS_FILE, PackageConfig, read_config
from handlers.exceptions import PackageFileError
from handlers.vit import VisionTransformer, ViTConfig

PREFIX = "vit."
"""Before the names of the transformer's weights; the file also holds ``genre_head`` and ``text_head``."""


class PosterConfig(PackageConfig, frozen=True, kw_only=True):
    """What a poster-encoder package holds beside its weights."""

    model: ViTConfig
    genres: tuple[str, ...]
    """Rows of ``genre_head``: logits from CLS."""
    text_sha256: str
    """Of the text model's weights: ``text_head`` maps CLS into its space."""


def load_poster_config(folder: Path) -> PosterConfig:
    """``config.json`` in ``folder``.

    Raises:
        PackageFileError: if it is missing, no such document, or of a newer schema.
    """
    return read_config(folder, PosterConfig, " of a poster encoder")


def load_vit(folder: Path) -> VisionTransformer:
    """The vision transformer of the package in ``folder``, float32, ready to run on the CPU.

    Raises:
        PackageFileError: if configuration or weights are missing or do not fit.
    """
    network = VisionTransformer(load_poster_config(folder).model)
    try:
        found = load_file(folder / WEIGHTS_FILE)
        network.load_state_dict(
            {name.removeprefix(PREFIX): one.float() for name, one in found.items() if name.startswith(PREFIX)}
        )
    except (OSError, RuntimeError, SafetensorError) as error:
        raise PackageFileError(f"{WEIGHTS_FILE} does not fit: {error}") from None
    return network.eval()
