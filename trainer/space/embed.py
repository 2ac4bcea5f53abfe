"""What BERT says of each film's text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from handlers.bert import load_bert
from handlers.checksums import file_sha256
from handlers.config import TextModel
from handlers.items import EncodeItem, sentence
from handlers.network import ItemEncoderNetwork
from handlers.text_model import TextFiles, text_files
from handlers.tokens import length_buckets, pad
from trainer.progress import Progress

TOKENS_A_BATCH = 2048
WIDTH = 384
MAX_TOKENS = 64
"""Of a film's text. Longer ones cost time and, on validation, ranked cold films worse."""


def text_model(max_tokens: int) -> TextFiles:
    """The installed text model, all-MiniLM-L6-v2, its weights' checksum taken down.

    Raises:
        PackageFileError: if it is not installed.
    """
    bare = TextModel(sha256="", width=WIDTH, max_tokens=max_tokens)
    files = text_files(bare)
    return replace(files, model=msgspec.structs.replace(bare, sha256=file_sha256(files.weights)))


def embed(
    items: Sequence[EncodeItem], text: TextFiles, progress: Progress, threads: int = 0
) -> npt.NDArray[np.float32]:
    """Unit vectors float32 [n, width] of the films' sentences, by the very network that is packaged."""
    torch.set_num_threads(threads or os.cpu_count() or 1)
    width = text.model.width
    network = ItemEncoderNetwork(load_bert(text), width, side=1, dim=1).eval()
    rows = text.tokens().encode([sentence(item) for item in items])
    out = np.zeros((len(items), width), dtype=np.float32)
    done = 0
    with torch.inference_mode():
        for bucket in length_buckets([len(row) for row in rows], TOKENS_A_BATCH, 256):
            ids, mask = pad([rows[i] for i in bucket])
            out[bucket] = network.embed(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
            done += len(bucket)
            progress("reading films", done, len(items))
    return out
