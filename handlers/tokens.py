"""Sentences to token arrays in batches of about one length, so that little is spent on padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from handlers.exceptions import PackageFileError

TOKENIZER_FILE = "tokenizer.json"
MAX_CHARACTERS_A_TOKEN = 16
"""More of a text than this times the token limit is cut before it is tokenised."""

Int64 = npt.NDArray[np.int64]


class Tokens:
    """A tokenizer that truncates at ``max_tokens``."""

    def __init__(self, path: Path, max_tokens: int) -> None:
        """Reads ``path``.

        Raises:
            PackageFileError: if it is no tokenizer.
        """
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise PackageFileError(f"{path.name} cannot be read: {error}") from None
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.no_padding()
        self._max_characters = max_tokens * MAX_CHARACTERS_A_TOKEN

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Token numbers of each sentence, at most ``max_tokens`` long, never empty."""
        # a lone surrogate is no UTF-8 and would fail the whole batch
        cut = [s[: self._max_characters].encode(errors="replace").decode() for s in sentences]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(cut)]


def length_buckets(lengths: Sequence[int], max_tokens_a_batch: int, max_batch: int) -> Iterator[Int64]:
    """Index arrays that cover 0..n-1, each of items of similar length.

    A batch holds at most ``max_batch`` items and, padded to its longest, ``max_tokens_a_batch`` tokens
    (a single longer item still gets a batch of its own).
    """
    order = np.argsort(np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        longest_next = lengths[order[end]] if end < len(order) else 0
        full = (end - start + 1) * longest_next > max_tokens_a_batch or end - start >= max_batch
        if end == len(order) or full:
            yield order[start:end]
            start = end


def pad(rows: Sequence[Sequence[int]]) -> tuple[Int64, Int64]:
    """Token numbers and mask, both int64 [n, longest]."""
    longest = max(2, *(len(row) for row in rows)) if rows else 2
    ids = np.zeros((len(rows), longest), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask
