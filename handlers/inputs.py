"""Films to the arrays that the model's graph takes: the same code in training, building and serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from handlers.config import EncoderConfig
from handlers.features import side_features
from handlers.items import EncodeItem, sentence
from handlers.pixels import Pixels, normalise, read_posters
from handlers.tokens import Tokens, pad

Arrays = dict[str, npt.NDArray[Any]]

NO_WORDS = "title and text are both empty, and this encoder reads no posters"


class ModelInputs:
    """A batch of films, read once; :meth:`rows` gives the arrays of any of them.

    ``errors[i]`` says why film i cannot be encoded (a poster that is none); a film without a poster has none.
    """

    def __init__(self, items: Sequence[EncodeItem], tokens: Tokens, config: EncoderConfig) -> None:
        self._config = config
        self._tokens = tokens.encode([sentence(item) for item in items])
        self._has_text = [bool(item.title.strip() or item.text.strip()) for item in items]
        self._side = side_features(items, config.features)
        self._query = np.array([item.query for item in items], dtype=np.float32)
        self.errors: list[str | None] = [None] * len(items)
        self._posters: list[Pixels | None] = [None] * len(items)
        if (seen := config.poster_input) is None:
            self.errors = [None if some else NO_WORDS for some in self._has_text]
            return
        self._posters, self.errors = read_posters([item.poster for item in items], seen.height, seen.width)

    def lengths(self) -> list[int]:
        """Tokens of each film's sentence."""
        return [len(row) for row in self._tokens]

    def rows(self, chosen: Sequence[int]) -> Arrays:
        """Inputs of the films ``chosen``, by the names of the graph, padded to the longest of them."""
        ids, mask = pad([self._tokens[i] for i in chosen])
        arrays: Arrays = {"input_ids": ids, "attention_mask": mask, "side": self._side[list(chosen)]}
        if self._config.query is not None:
            arrays["query"] = self._query[list(chosen)]
        if (seen := self._config.poster_input) is None:
            return arrays
        mask[[not self._has_text[i] for i in chosen]] = 0
        there = np.array([self._posters[i] is not None for i in chosen], dtype=bool)
        pixels = np.zeros((len(chosen), 3, seen.height, seen.width), dtype=np.float32)
        if there.any():
            pixels[there] = normalise([one for i in chosen if (one := self._posters[i]) is not None])
        return {**arrays, "pixels": pixels, "has_poster": there.astype(np.float32)}
