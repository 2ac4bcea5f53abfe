"""A BERT from elsewhere as the text model of an encoder."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from handlers.checksums import file_sha256
from handlers.config import TextModel
from handlers.text_model import OWN_FILES, TEXT_CONFIG_FILE, TEXT_WEIGHTS_FILE, TextFiles, text_files
from handlers.tokens import TOKENIZER_FILE
from streaming.cache import cache_folder
from trainer.exceptions import TrainingError
from trainer.hub.fetch import Fetched, fetch
from trainer.progress import Progress

VOCABULARY_FILE = "vocab.txt"


def hub_bert(reference: str, max_tokens: int, progress: Progress) -> TextFiles:
    """The BERT of ``reference`` (:func:`trainer.hub.fetch.fetch`).

    Raises:
        TrainingError: if it cannot be had, or is no BERT that can be run.
    """
    return bert_of(fetch(reference, progress), max_tokens)


def bert_of(found: Fetched, max_tokens: int) -> TextFiles:
    """The BERT in ``found``, its files written anew into the cache as packages hold them.

    Raises:
        TrainingError: if it is no BERT that can be run.
    """
    config = found.config("bert")
    _check(found, config, max_tokens)
    root = cache_folder() / "text-models"
    root.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=root))
    try:
        _write(found, aside)
        digest = file_sha256(aside / TEXT_WEIGHTS_FILE)
        # the same weights may come with another tokenizer
        folder = root / "-".join(file_sha256(aside / name)[:16] for name in OWN_FILES)
        if not folder.is_dir():
            with suppress(OSError):  # another training was faster, with the same files
                aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    model = TextModel(
        distribution="",
        module="",
        folder="",
        sha256=digest,
        width=int(config["hidden_size"]),
        max_tokens=max_tokens,
        origin=found.origin,
    )
    return text_files(model, folder)


def _check(found: Fetched, config: dict[str, Any], max_tokens: int) -> None:
    """Raises TrainingError for what the code that runs a BERT does not know."""
    longest = int(config.get("max_position_embeddings", 512))
    if max_tokens > longest:
        raise TrainingError(f"{found.origin} reads {longest} tokens at most, not {max_tokens}: --max-tokens")
    for name, known in {"hidden_act": "gelu", "position_embedding_type": "absolute"}.items():
        if config.get(name, known) != known:
            raise TrainingError(f"{found.origin} has the {name} {config[name]}, not {known}")


def _write(found: Fetched, folder: Path) -> None:
    """Config, weights and tokenizer; names of weights become those of today's ``BertModel``."""
    from safetensors.torch import save_file
    from transformers import AutoTokenizer, BertModel

    from trainer.hub.weights import pretrained

    if not any((found.folder / name).is_file() for name in (TOKENIZER_FILE, VOCABULARY_FILE)):
        # the library would make one up that knows no words
        raise TrainingError(f"{found.origin} holds neither {TOKENIZER_FILE} nor {VOCABULARY_FILE}")
    bert = pretrained(BertModel, found)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            found.folder, use_fast=True, local_files_only=True, trust_remote_code=False
        )
        tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    except Exception as error:  # the library raises what its many readers stumble over
        raise TrainingError(f"the tokenizer of {found.origin} cannot be read: {error}") from None
    size, most = len(tokenizer), bert.config.vocab_size
    if size > most:
        raise TrainingError(f"{found.origin}: its tokenizer knows {size} words, its weights {most}")
    bert.config.to_json_file(folder / TEXT_CONFIG_FILE)
    state = {name: tensor.contiguous() for name, tensor in bert.state_dict().items()}
    save_file(state, folder / TEXT_WEIGHTS_FILE)
