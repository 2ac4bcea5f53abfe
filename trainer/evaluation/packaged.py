"""Vectors of films as a shipped source package would serve them, without building it or TorchServe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from handlers.config import load_config
from handlers.encoding import ITEM_TABLE_FILE
from handlers.item_table import load_table
from handlers.items import EncodeItem
from handlers.network import load_network
from handlers.text_model import text_files
from model_store.store import find_source
from trainer.fusion.answers import content_of

Float32 = npt.NDArray[np.float32]


def served_vectors(reference: str, items: Sequence[EncodeItem], say: Callable[[str], None]) -> Float32:
    """[n, dim]: what the shipped source package answers for films and queries."""
    folder = find_source(reference).path
    config = load_config(folder)

    def progress(what: str, done: int, total: int) -> None:
        if done == total:
            say(f"{reference}: {what}: {total}")

    text = text_files(config.text_model, folder)
    content = content_of(load_network(folder, config), config, text, items, progress)
    return load_table(folder / ITEM_TABLE_FILE).blend(items, content)
