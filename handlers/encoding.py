"""Films to vectors: what a package folder does, apart from TorchServe and its requests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from handlers.config import EncoderConfig, load_config
from handlers.engines import Engine, candidates, choose_engine, load_probe
from handlers.engines.parity import PROBE_FILE
from handlers.inputs import ModelInputs
from handlers.item_table import ItemTable, load_table
from handlers.items import EncodeItem, item_problem
from handlers.tokens import TOKENIZER_FILE, Tokens, length_buckets

ITEM_TABLE_FILE = "item_table.safetensors"
TOKENS_A_BATCH = 1024
"""Padded tokens of one forward pass: more stops fitting the caches of a core and gets slower."""
MAX_BATCH = 64


@dataclass(frozen=True)
class Encoded:
    """What became of a request's films: ``errors[i]`` says why ``vectors[i]`` (float32 [dim]) is zero."""

    vectors: npt.NDArray[np.float32]
    errors: list[str | None]
    timings_ms: dict[str, float]


class ItemEncoder:
    """A loaded package."""

    def __init__(self, config: EncoderConfig, tokens: Tokens, table: ItemTable, engine: Engine) -> None:
        self.config = config
        self.engine = engine
        self._tokens = tokens
        self._table = table

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> ItemEncoder:
        """The package whose files lie in ``folder``, on the first engine that proves itself.

        Raises:
            PackageFileError: if a file is missing or torn.
            HandlerError: if no engine can run it.
        """
        config = load_config(folder)
        tokens = Tokens(folder / TOKENIZER_FILE, config.text_model.max_tokens)
        table = load_table(folder / ITEM_TABLE_FILE)
        engine = choose_engine(candidates(folder, threads), load_probe(folder / PROBE_FILE))
        return cls(config, tokens, table, engine)

    def encode(self, items: Sequence[EncodeItem]) -> Encoded:
        """A vector or a reason for each film; never raises for what a film contains."""
        errors = [item_problem(item) for item in items]
        vectors = np.zeros((len(items), self.config.dim), dtype=np.float32)
        good = [i for i, error in enumerate(errors) if error is None]
        started = time.perf_counter()
        read = ModelInputs([items[i] for i in good], self._tokens, self.config)
        for i, error in zip(good, read.errors, strict=True):
            errors[i] = error
        tokenised = time.perf_counter()
        content = np.zeros((len(good), self.config.dim), dtype=np.float32)
        for bucket in length_buckets(read.lengths(), TOKENS_A_BATCH, MAX_BATCH):
            content[bucket] = self.engine.run(read.rows(bucket.tolist()))["vector"]
        ran = time.perf_counter()
        vectors[good] = self._table.blend([items[i] for i in good], content)
        for i in good:
            if not np.isfinite(vectors[i]).all():
                errors[i] = "the model gave no finite vector"
            if errors[i] is not None:
                vectors[i] = 0.0
        timings = {
            "tokenise": (tokenised - started) * 1e3,
            "engine": (ran - tokenised) * 1e3,
            "total": (time.perf_counter() - started) * 1e3,
        }
        return Encoded(vectors, errors, timings)
