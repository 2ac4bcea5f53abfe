"""What the frozen BERT and ViT say of films, token by token, kept in a cache by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from handlers.bert import load_bert, token_states, unit
from handlers.exceptions import ImageRefusedError
from handlers.images import decode_poster
from handlers.items import EncodeItem, sentence
from handlers.pixels import normalise, resize
from handlers.text_model import TextFiles
from handlers.tokens import length_buckets, pad
from handlers.vit import VisionTransformer
from trainer.data.poster_bytes import PosterBytes
from trainer.data.posters import cached_array
from trainer.exceptions import TrainingError
from trainer.fusion.options import ALL, NO_META, NO_POSTER, NO_TEXT
from trainer.progress import Progress
from trainer.space.embed import TOKENS_A_BATCH

Float16 = npt.NDArray[np.float16]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Arrays = tuple[Tensor, Tensor, Tensor]
"""Text, side and poster of films, as the base compares them."""

POSTERS_A_BATCH = 64


@dataclass(frozen=True)
class Frozen:
    """n films as the fusion transformer is given them."""

    words: Float16
    """[all tokens, width]: token states of all films, one film after the other."""
    starts: Int64
    """[n + 1]: where each film's tokens begin."""
    patches: Float16
    """[k, tokens, width]: poster tokens of the k films that have one."""
    poster_rows: Int64
    """[n]: row of ``patches``, -1 without a poster."""
    side: Float32
    """[n, f]."""
    bare_side: Float32
    """[f]: the side of a film of which nothing is known."""

    def __len__(self) -> int:
        return len(self.side)

    def text_vectors(self) -> Float32:
        """float32 [n, width]: unit means, as :func:`handlers.bert.pooled` makes them."""
        return mean_words(self.words, self.starts)

    def poster_vectors(self) -> Float32:
        """float32 [n, width]: unit means, zero without a poster."""
        out = np.zeros((len(self), self.patches.shape[2]), dtype=np.float32)
        there = self.poster_rows >= 0
        if there.any():
            means = self.patches.astype(np.float32).mean(axis=1)[self.poster_rows[there]]
            out[there] = unit(torch.from_numpy(means)).numpy()
        return out

    def compared(self, variant: str = ALL) -> Arrays:
        """What the base compares, with what ``variant`` leaves out gone."""
        text, poster = torch.from_numpy(self.text_vectors()), torch.from_numpy(self.poster_vectors())
        side = torch.from_numpy(self.side)
        if variant == NO_TEXT:
            text = torch.zeros_like(text)
        if variant == NO_POSTER:
            poster = torch.zeros_like(poster)
        if variant == NO_META:
            side = torch.from_numpy(self.bare_side).expand(len(self), -1)
        return text, side, poster

    def batch(self, rows: Sequence[int], variants: Sequence[str]) -> dict[str, Tensor]:
        """Inputs of :class:`handlers.fusion.FusionTransformer` for films ``rows``, each as its variant."""
        lengths = [int(self.starts[i + 1] - self.starts[i]) for i in rows]
        width, posters = self.words.shape[1], self.patches.shape
        states = np.zeros((len(rows), max(lengths), width), dtype=np.float32)
        mask = np.zeros((len(rows), max(lengths)), dtype=np.int64)
        patches = np.zeros((len(rows), posters[1], posters[2]), dtype=np.float32)
        has_poster = np.zeros(len(rows), dtype=np.float32)
        side = self.side[list(rows)]
        for at, (row, length, variant) in enumerate(zip(rows, lengths, variants, strict=True)):
            if variant != NO_TEXT:
                states[at, :length] = self.words[self.starts[row] : self.starts[row + 1]]
                mask[at, :length] = 1
            if variant != NO_POSTER and self.poster_rows[row] >= 0:
                patches[at] = self.patches[self.poster_rows[row]]
                has_poster[at] = 1
            if variant == NO_META:
                side[at] = self.bare_side
        made = {"states": states, "attention_mask": mask, "side": side, "poster": patches}
        return {name: torch.from_numpy(value) for name, value in {**made, "has_poster": has_poster}.items()}

    def take(self, rows: Int64, posters: bool = True) -> Frozen:
        """The films ``rows``; their posters only if wanted."""
        spans = [self.words[self.starts[i] : self.starts[i + 1]] for i in rows]
        starts = np.concatenate([[0], np.cumsum([len(span) for span in spans])]).astype(np.int64)
        where = self.poster_rows[rows] if posters else np.full(len(rows), -1, dtype=np.int64)
        return Frozen(np.concatenate(spans), starts, self.patches, where, self.side[rows], self.bare_side)


def mean_words(words: Float16, starts: Int64) -> Float32:
    """float32 [n, width]: unit means of each film's tokens, as :func:`handlers.bert.pooled` makes them."""
    sums = np.add.reduceat(words.astype(np.float32), starts[:-1], axis=0)
    out: Float32 = unit(torch.from_numpy(sums)).numpy()
    return out


def words_of(
    items: Sequence[EncodeItem], text: TextFiles, cache: Path, progress: Progress
) -> tuple[Float16, Int64]:
    """``words`` and ``starts`` of :class:`Frozen`, by the very network that is packaged."""
    rows = text.tokens().encode([sentence(item) for item in items])
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    digest = hashlib.sha256(f"{text.model.sha256}\0".encode())
    for row in rows:
        digest.update(np.array([*row, -1], dtype=np.int64).tobytes())

    def fill(into: npt.NDArray[Any]) -> None:
        bert, done = load_bert(text), 0
        with torch.inference_mode():
            for bucket in length_buckets([len(row) for row in rows], TOKENS_A_BATCH, 256):
                ids, mask = pad([rows[i] for i in bucket])
                states = token_states(bert, torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
                for state, i in zip(states, bucket, strict=True):
                    into[starts[i] : starts[i + 1]] = state[: len(rows[i])]
                done += len(bucket)
                progress("reading films", done, len(items))

    path = cache / f"words-{digest.hexdigest()[:24]}.npy"
    return cached_array(path, (int(starts[-1]), text.model.width), np.dtype(np.float16), fill), starts


def patches_of(
    items: Sequence[EncodeItem], vit: VisionTransformer, cache: Path, progress: Progress
) -> tuple[Float16, Int64]:
    """``patches`` and ``poster_rows`` of :class:`Frozen`.

    Raises:
        TrainingError: naming the film whose poster is no image; of :class:`PosterBytes` a DataError, which
            names the file and its row, too.
    """
    size = vit.config
    rows = np.full(len(items), -1, dtype=np.int64)
    there = [i for i, item in enumerate(items) if item.poster is not None]
    rows[there] = np.arange(len(there))
    digest = hashlib.sha256(repr(size).encode())
    for name, tensor in sorted(vit.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    for i in there:
        digest.update(hashlib.sha256(items[i].poster or b"").digest())

    def fill(into: npt.NDArray[Any]) -> None:
        with torch.inference_mode():
            for start in range(0, len(there), POSTERS_A_BATCH):
                part = there[start : start + POSTERS_A_BATCH]
                pixels = [_pixels(items[i], size.image_height, size.image_width) for i in part]
                into[start : start + len(part)] = vit(torch.from_numpy(normalise(pixels))).numpy()
                progress("looking at posters", start + len(part), len(there))

    shape = (len(there), 1 + size.patches, size.width)
    if not there:
        return np.zeros(shape, dtype=np.float16), rows
    path = cache / f"patches-{digest.hexdigest()[:24]}.npy"
    return cached_array(path, shape, np.dtype(np.float16), fill), rows


def _pixels(item: EncodeItem, height: int, width: int) -> npt.NDArray[np.uint8]:
    try:
        return resize(decode_poster(item.poster or b""), height, width)
    except ImageRefusedError as error:
        whose = f"{item.item_id} ({item.title})"
        if isinstance(item.poster, PosterBytes):
            raise item.poster.refused(whose, str(error)) from None
        raise TrainingError(f"the poster of {whose} {error}") from None
