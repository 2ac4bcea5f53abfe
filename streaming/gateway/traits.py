"""What the re-ranker asks of films beside their vectors: lengths, genres, years; by row of a catalogue."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from streaming.gateway.rerank_features import Float32

Rows = npt.NDArray[np.intp]
Codes = npt.NDArray[np.int32]

NO_GENRE = -1
_WIDTH = 4


class Traits:
    """Arrays that grow with their catalogue, which locks them: one entry a row, genres as codes."""

    def __init__(self) -> None:
        self.years = np.zeros(0, dtype=np.int32)
        """[rows]; 0 is unknown."""
        self.lengths = np.zeros(0, dtype=np.float32)
        """[rows]: |v|."""
        self._codes: Codes = np.full((0, _WIDTH), NO_GENRE, dtype=np.int32)
        self._code_of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.years)

    def grow(self, more: int) -> None:
        """Room for so many more rows."""
        self.years = np.concatenate([self.years, np.zeros(more, dtype=np.int32)])
        self.lengths = np.concatenate([self.lengths, np.zeros(more, dtype=np.float32)])
        room = np.full((more, self._codes.shape[1]), NO_GENRE, dtype=np.int32)
        self._codes = np.concatenate([self._codes, room])

    def put(self, row: int, year: int | None, length: float, genres: Iterable[str]) -> None:
        """The film of a row."""
        self.years[row], self.lengths[row] = year or 0, length
        codes = [self._code_of.setdefault(g, len(self._code_of)) for g in dict.fromkeys(genres)]
        wider = len(codes) - self._codes.shape[1]
        if wider > 0:
            room = np.full((len(self._codes), wider), NO_GENRE, dtype=np.int32)
            self._codes = np.concatenate([self._codes, room], axis=1)
        self._codes[row] = NO_GENRE
        self._codes[row, : len(codes)] = codes

    def codes(self, rows: Rows) -> Codes:
        """A copy of the genre codes [n, width] of ``rows`` [n], :data:`NO_GENRE` where there are no more."""
        return self._codes[rows]

    def genre_odds(self, rows: Rows, likes: npt.NDArray[np.int64]) -> Float32:
        """q_g [codes]: the share of each genre among all films, weighted by their likes [n]."""
        codes = self._codes[rows]
        has = codes != NO_GENRE
        each = likes / np.maximum(has.sum(axis=1), 1)
        weights = np.broadcast_to(each[:, None], codes.shape)[has]
        total = float(likes.sum())
        odds = np.bincount(codes[has], weights=weights, minlength=len(self._code_of))
        return (odds / total if total > 0 else np.zeros(len(odds))).astype(np.float32)


def shares_of(parts: list[Codes], odds: Float32) -> tuple[list[Float32], Float32]:
    """Genre shares [n, genres] of each part, and the odds [genres], over the genres that occur in any part.

    A genre younger than ``odds`` counts as one that nobody has liked yet.
    """
    used, where = np.unique(np.concatenate([part.ravel() for part in parts]), return_inverse=True)
    some = used != NO_GENRE
    column = np.where(some, np.cumsum(some) - 1, NO_GENRE)[where.reshape(-1)]
    used = used[some]
    known = used < len(odds)
    picked = np.zeros(len(used), dtype=np.float32)
    picked[known] = odds[used[known]]
    shares, start = [], 0
    for part in parts:
        columns = column[start : start + part.size].reshape(part.shape)
        start += part.size
        has = columns != NO_GENRE
        out = np.zeros((len(part), len(used)), dtype=np.float32)
        number = has.sum(axis=1)
        rows, places = np.nonzero(has)
        out[rows, columns[rows, places]] = (1 / np.maximum(number, 1)).astype(np.float32)[rows]
        shares.append(out)
    return shares, picked
