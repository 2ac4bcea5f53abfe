"""Vectors of films as a shipped source package would serve them, without building it or TorchServe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from handlers.config import load_config
from handlers.encoding import ITEM_TABLE_FILE
from handlers.features import side_features
from handlers.fusion import FusionNetwork
from handlers.item_table import load_table
from handlers.items import EncodeItem
from handlers.network import load_network
from model_store.store import find_source
from trainer.data.shipped import frozen_folder
from trainer.fusion.frozen import mean_words, words_of
from trainer.fusion.space import content_vectors, frozen_films

Float32 = npt.NDArray[np.float32]


def served_vectors(reference: str, items: Sequence[EncodeItem], say: Callable[[str], None]) -> Float32:
    """[n, dim]: what the shipped source package answers for films without posters."""
    folder = find_source(reference).path
    config = load_config(folder)
    network = load_network(folder, config)

    def progress(what: str, done: int, total: int) -> None:
        if done == total:
            say(f"{reference}: {what}: {total}")

    if isinstance(network, FusionNetwork):
        content = content_vectors(
            network, frozen_films(items, config, network.vit, frozen_folder(), progress)
        )
    else:
        text = torch.from_numpy(mean_words(*words_of(items, config.text_model, frozen_folder(), progress)))
        side = torch.from_numpy(side_features(items, config.features))
        with torch.inference_mode():
            content = (network.text_head(text) + network.side_head(side)).numpy()
    return load_table(folder / ITEM_TABLE_FILE).blend(items, content)
