"""Films to vectors: what an item-encoder package does, apart from TorchServe and its requests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from handlers.config import EncoderConfig, load_config
from handlers.encoder import Encoder, Float32, proven_engine
from handlers.engines import Engine
from handlers.exceptions import PackageFileError
from handlers.inputs import ModelInputs
from handlers.item_table import ItemTable, load_table
from handlers.items import EncodeItem, item_problem
from handlers.tokens import TOKENIZER_FILE, Tokens

ITEM_TABLE_FILE = "item_table.safetensors"


class ItemEncoder(Encoder[EncodeItem]):
    """Films in, vectors of the space out: content, and the item table where it knows a film.

    Searches, too: an item that says it is a query gets a vector to search with.
    """

    item = EncodeItem
    noun = "film"

    def __init__(self, config: EncoderConfig, tokens: Tokens, table: ItemTable, engine: Engine) -> None:
        super().__init__(config.package, config.dim, engine)
        self.config = config
        self._tokens = tokens
        self._table = table

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> ItemEncoder:
        """As :meth:`Encoder.load`."""
        config = load_config(folder)
        tokens = Tokens(folder / TOKENIZER_FILE, config.text_model.max_tokens)
        table = load_table(folder / ITEM_TABLE_FILE)
        if table.dim != config.dim:
            raise PackageFileError(
                f"{ITEM_TABLE_FILE} has vectors of {table.dim}, the package of {config.dim} dimensions"
            )
        return cls(config, tokens, table, proven_engine(folder, threads))

    @property
    def reads_posters(self) -> bool:
        """As the package was trained."""
        return self.config.poster_input is not None

    def problem(self, item: EncodeItem) -> str | None:
        """As :func:`handlers.items.item_problem`."""
        return item_problem(item)

    def read(self, items: Sequence[EncodeItem]) -> ModelInputs:
        """Sentences tokenised, posters decoded, numbers beside them."""
        return ModelInputs(items, self._tokens, self.config)

    def finish(self, items: Sequence[EncodeItem], content: Float32) -> Float32:
        """Content joined by what ratings say of the films that the table knows."""
        return self._table.blend(items, content)
