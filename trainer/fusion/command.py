"""What ``marquee train space --poster-model`` does beside the ratings: posters, the ViT, folders."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from handlers.config import EncoderConfig, PosterModel
from handlers.exceptions import PackageFileError
from handlers.items import EncodeItem
from handlers.network import poster_model
from handlers.poster_model import load_poster_config, load_vit
from handlers.text_model import TextFiles
from handlers.vit import VisionTransformer, ViTConfig
from model_store.store import find_source
from trainer.data.layouts import Layout
from trainer.data.poster_bytes import PosterBytes
from trainer.data.poster_folder import PosterFolder
from trainer.data.posters import posters_of
from trainer.data.shipped import frozen_folder
from trainer.exceptions import DataError, TrainingError
from trainer.fusion.options import FusionOptions
from trainer.fusion.space import fusion_config, fusion_side
from trainer.hub.image import hub_vit
from trainer.progress import Progress
from trainer.space.matrix import Interactions
from trainer.space.options import SpaceOptions
from trainer.space.side import ContentSide
from trainer.space.tuning import Tuned

POSTER_SETS = {Layout.ML_100K: "ml-100k", Layout.ML_1M: "ml-1m", Layout.ML_CSV: "ml-latest-small"}
RANDOM = "random"
"""Instead of a package: a ViT that has learnt nothing, to see what learning is worth."""


def find_vit(reference: str, seed: int = 0) -> tuple[PosterModel, VisionTransformer]:
    """The ViT of a poster-encoder package, or random weights for :data:`RANDOM`.

    Raises:
        TrainingError: if the package cannot be used.
        ModelStoreError: if there is none.
    """
    if reference == RANDOM:
        torch.manual_seed(seed)
        return poster_model(ViTConfig()), VisionTransformer(ViTConfig()).eval()
    source = find_source(reference)
    try:
        config = load_poster_config(source.path)
        return poster_model(config.model, config.package), load_vit(source.path)
    except PackageFileError as error:
        raise TrainingError(f"{reference}: {error}") from None


def with_posters(films: Sequence[EncodeItem], folder: Path, layout: Layout) -> list[EncodeItem]:
    """``films`` with the bytes of their posters in ``folder``, where it has them; they know their file.

    For MovieLens ``folder`` holds ``poster_map.csv`` and ``posters/``; for all else image files named by id.

    Raises:
        DataError: naming file and row, if the map or a poster is missing, or no film has one.
    """
    places: dict[str, tuple[Path, Path | None, int | None]]
    if layout in POSTER_SETS:
        places = {p.item_id: (p.path, p.table, p.row) for p in posters_of(folder, POSTER_SETS[layout])}
    else:
        files = PosterFolder(folder, {})
        found = {film.item_id: files.find(film.item_id) for film in films}
        places = {item_id: (path, None, None) for item_id, path in found.items() if path is not None}
        if not places:
            raise DataError(folder, "holds no image named by the id of a film")
    return [
        msgspec.structs.replace(film, poster=PosterBytes.read(*places[film.item_id]))
        if film.item_id in places
        else film
        for film in films
    ]


def fusion_for(
    config: EncoderConfig,
    text: TextFiles,
    films: Sequence[EncodeItem],
    data: Interactions,
    entries: npt.NDArray[np.float64],
    tuned: Tuned,
    options: SpaceOptions,
    progress: Progress,
    sizes: FusionOptions | None = None,
) -> ContentSide:
    """The fusion encoder's content side, by the options of ``marquee train space``.

    ``entries`` [items, s]: genres, year and people, as the targets of ``tuned`` know them.
    """
    torch.set_num_threads(options.threads or 1)
    if options.image_model:
        model, vit = hub_vit(options.image_model, progress)
    else:
        model, vit = find_vit(options.poster_model or RANDOM, options.seed)
    sizes = sizes or FusionOptions(seed=options.seed)
    config = fusion_config(config, model, sizes)
    with tempfile.TemporaryDirectory(prefix="marquee-fusion-") as aside:
        folders = frozen_folder(), Path(options.work or aside)
        return fusion_side(config, text, films, data, entries, tuned, options, sizes, vit, folders, progress)
