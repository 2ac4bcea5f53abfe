"""Posters to vectors: the ViT of a poster-encoder package alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt

from handlers.config import PackageConfig, read_config
from handlers.encoder import Encoder, proven_engine
from handlers.engines import Engine
from handlers.pixels import normalise, read_posters


class PosterItem(msgspec.Struct, frozen=True, kw_only=True):
    """One poster of a request: the bytes of a JPEG, PNG or WebP; unknown fields are passed over."""

    poster: bytes


class PosterSizes(msgspec.Struct, frozen=True, kw_only=True):
    """Of the ViT's sizes, those that reading and answering need; all: :class:`handlers.vit.ViTConfig`."""

    image_height: int
    image_width: int
    patch: int
    width: int


class PosterEncoderConfig(PackageConfig, frozen=True, kw_only=True):
    """``config.json`` of a poster-encoder package as far as serving needs it, which needs no torch."""

    model: PosterSizes


def load_poster_sizes(folder: Path) -> PosterEncoderConfig:
    """``config.json`` in ``folder``.

    Raises:
        PackageFileError: if it is missing, no such document, or of a newer schema.
    """
    return read_config(folder, PosterEncoderConfig, " of a poster encoder")


class PosterInputs:
    """A batch of posters, decoded once."""

    def __init__(self, posters: Sequence[bytes], sizes: PosterSizes) -> None:
        self._pixels, self.errors = read_posters(posters, sizes.image_height, sizes.image_width)
        self._tokens = 1 + (sizes.image_height // sizes.patch) * (sizes.image_width // sizes.patch)

    def lengths(self) -> list[int]:
        """Tokens of each poster, all alike."""
        return [self._tokens] * len(self._pixels)

    def rows(self, chosen: Sequence[int]) -> dict[str, npt.NDArray[Any]]:
        """float32 [n, 3, height, width]; only posters without an error may be chosen."""
        return {"pixels": normalise([one for i in chosen if (one := self._pixels[i]) is not None])}


class PosterEncoder(Encoder[PosterItem]):
    """Posters in, unit vectors out: the mean of the ViT's tokens, as the item encoder compares posters."""

    item = PosterItem
    noun = "poster"
    reads_posters = True

    def __init__(self, config: PosterEncoderConfig, engine: Engine) -> None:
        super().__init__(config.package, config.model.width, engine)
        self._sizes = config.model

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> PosterEncoder:
        """As :meth:`Encoder.load`."""
        return cls(load_poster_sizes(folder), proven_engine(folder, threads))

    def problem(self, item: PosterItem) -> str | None:
        """Nothing is known before it is decoded."""
        return None

    def read(self, items: Sequence[PosterItem]) -> PosterInputs:
        """All decoded and brought to the model's size."""
        return PosterInputs([item.poster for item in items], self._sizes)
