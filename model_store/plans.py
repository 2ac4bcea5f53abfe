"""What building means for each kind of model: files, inputs and outputs, recorded probe, handler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt

from handlers.config import CONFIG_FILE, WEIGHTS_FILE, EncoderConfig, TextModel, load_config, write_config
from handlers.encoding import ITEM_TABLE_FILE
from handlers.engines.machine import ONNX_FILE
from handlers.engines.parity import PROBE_FILE
from handlers.inputs import ModelInputs
from handlers.items import EncodeItem, sentence
from handlers.kinds import Kind, kind_of
from handlers.posters import PosterInputs, PosterSizes, load_poster_sizes
from handlers.text_model import OWN_FILES
from handlers.texts import TextInputs, load_text_config
from handlers.tokens import TOKENIZER_FILE, Tokens
from model_store.manifest import Tensor
from model_store.probe_items import PROBE_ITEMS, PROBE_POSTERS, PROBE_TEXTS

Arrays = dict[str, npt.NDArray[Any]]
CARD_FILE = "MODEL_CARD.md"
_BATCH = (1, 4096)

HANDLERS: dict[Kind, str] = {
    "item-encoder": "handlers.item_encoder.ItemEncoderHandler",
    "text-encoder": "handlers.text_encoder.TextEncoderHandler",
    "poster-encoder": "handlers.poster_encoder.PosterEncoderHandler",
}


@dataclass(frozen=True)
class Plan:
    """How one package is built."""

    handler: str
    """The class that its archive names."""
    source_files: tuple[str, ...]
    """What the source package must hold; the model card is not served."""
    text_model: TextModel | None
    """Whose tokenizer is served, if any."""
    inputs: dict[str, Tensor]
    """Of the model, in the order of its arguments."""
    dim: int
    """Of its output ``vector``."""
    probe: Callable[[Path], Arrays]
    """Inputs to record outputs of; takes the folder in which the tokenizer lies by then."""
    read: Callable[[Path, Sequence[EncodeItem]], Arrays]
    """Inputs of films, padded to the longest; takes that folder too."""

    @property
    def served_files(self) -> tuple[str, ...]:
        """What goes into the archive."""
        own = [name for name in self.source_files if name != CARD_FILE]
        read = [TOKENIZER_FILE] if self.text_model else []
        return tuple(dict.fromkeys((*own, *read, PROBE_FILE, ONNX_FILE)))

    @property
    def outputs(self) -> dict[str, Tensor]:
        """Of the model."""
        return {"vector": _floats(self.dim)}


def plan_of(folder: Path) -> Plan:
    """The plan for the source package whose files lie in ``folder``.

    Raises:
        PackageFileError: its configuration is missing, torn, or of no model that is served.
    """
    kind = kind_of(folder)
    if kind == "item-encoder":
        return _item_encoder(load_config(folder))
    if kind == "text-encoder":
        return _text_encoder(load_text_config(folder).text_model)
    return _poster_encoder(load_poster_sizes(folder).model)


def leave_posters_out(folder: Path) -> Plan:
    """Has ``config.json`` in ``folder`` say that no poster is read, which older sources do not; plans."""
    write_config(msgspec.structs.replace(load_config(folder), reads_posters=False), folder)
    return plan_of(folder)


def _floats(*shape: int) -> Tensor:
    return Tensor(dtype="float32", shape=("batch", *shape), range={"batch": _BATCH})


def _words(text: TextModel) -> dict[str, Tensor]:
    sizes = {"batch": _BATCH, "tokens": (2, text.max_tokens)}
    tensor = Tensor(dtype="int64", shape=("batch", "tokens"), range=sizes)
    return {"input_ids": tensor, "attention_mask": tensor}


def _own(text: TextModel) -> tuple[str, ...]:
    return () if text.distribution else OWN_FILES


def _item_encoder(config: EncoderConfig) -> Plan:
    def read(folder: Path, films: Sequence[EncodeItem]) -> Arrays:
        tokens = Tokens(folder / TOKENIZER_FILE, config.text_model.max_tokens)
        return ModelInputs(films, tokens, config).rows(range(len(films)))

    def probe(folder: Path) -> Arrays:
        return read(folder, PROBE_ITEMS)

    inputs = {**_words(config.text_model), "side": _floats(config.features.width)}
    if config.query is not None:
        inputs["query"] = _floats()
    if (poster := config.poster_input) is not None:
        inputs["pixels"] = _floats(3, poster.height, poster.width)
        inputs["has_poster"] = _floats()
    files = (CONFIG_FILE, WEIGHTS_FILE, ITEM_TABLE_FILE, CARD_FILE, *_own(config.text_model))
    return Plan(HANDLERS["item-encoder"], files, config.text_model, inputs, config.dim, probe, read)


def _text_encoder(text: TextModel) -> Plan:
    def rows(folder: Path, texts: Sequence[str]) -> Arrays:
        read = TextInputs(texts, Tokens(folder / TOKENIZER_FILE, text.max_tokens))
        return read.rows(range(len(texts)))

    def probe(folder: Path) -> Arrays:
        return rows(folder, PROBE_TEXTS)

    def read(folder: Path, films: Sequence[EncodeItem]) -> Arrays:
        return rows(folder, [sentence(film) for film in films])

    handler, files = HANDLERS["text-encoder"], (CONFIG_FILE, CARD_FILE, *_own(text))
    return Plan(handler, files, text, _words(text), text.width, probe, read)


def _poster_encoder(sizes: PosterSizes) -> Plan:
    def rows(posters: Sequence[bytes]) -> Arrays:
        return PosterInputs(posters, sizes).rows(range(len(posters)))

    def probe(_: Path) -> Arrays:
        return rows(PROBE_POSTERS)

    def read(_: Path, films: Sequence[EncodeItem]) -> Arrays:
        return rows([film.poster for film in films if film.poster])

    inputs = {"pixels": _floats(3, sizes.image_height, sizes.image_width)}
    files = (CONFIG_FILE, WEIGHTS_FILE, CARD_FILE)
    return Plan(HANDLERS["poster-encoder"], files, None, inputs, sizes.width, probe, read)
