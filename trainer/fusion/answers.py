"""What a packaged network answers for films, without building it or TorchServe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from handlers.config import EncoderConfig
from handlers.features import side_features
from handlers.fusion import FusionNetwork
from handlers.items import EncodeItem
from handlers.network import Network
from handlers.text_model import TextFiles
from trainer.data.shipped import frozen_folder
from trainer.fusion.frozen import mean_words, words_of
from trainer.fusion.options import ALL, NO_TEXT
from trainer.fusion.space import content_vectors, frozen_films
from trainer.progress import Progress


def content_of(
    network: Network,
    config: EncoderConfig,
    text: TextFiles,
    items: Sequence[EncodeItem],
    progress: Progress,
) -> npt.NDArray[np.float32]:
    """float32 [n, dim]: what ``items`` are answered, films and queries, by either architecture.

    Raises:
        TrainingError: if a poster is no image.
    """
    queries = [item.query for item in items]
    if isinstance(network, FusionNetwork):
        films = frozen_films(items, config, text, network.vit, frozen_folder(), progress)
        told = [ALL if item.title.strip() or item.text.strip() else NO_TEXT for item in items]
        return content_vectors(network, films, told, queries)
    said_of = torch.from_numpy(mean_words(*words_of(items, text, frozen_folder(), progress)))
    side = torch.from_numpy(side_features(items, config.features))
    with torch.inference_mode():
        said: npt.NDArray[np.float32] = network.of_text(said_of, side, torch.tensor(queries).float()).numpy()
    return said
