"""What the poster model learns from: posters of ml-latest-small with their genres and their films' texts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from handlers.items import EncodeItem, sentence
from trainer.data import load_items
from trainer.data.plots import FOLDER, OVERVIEWS, overviews
from trainer.data.posters import Pixels, Poster, cached_array, fingerprint, packed, posters_of
from trainer.exceptions import DataError, TrainingError
from trainer.progress import Progress
from trainer.space.embed import embed, text_model
from trainer.vision.features import Float16, Float32, teacher_cells
from trainer.vision.options import ViTOptions
from trainer.vision.teacher import WEIGHTS

DATASET = "ml-latest-small"
"""The only set whose weights may be given away."""
LEAST_OF_A_GENRE = 20


@dataclass(frozen=True)
class Examples:
    """n posters; arrays are in the posters' order."""

    imdb: tuple[str, ...]
    pixels: Pixels
    """uint8 [n, height, width, 3]: what is served."""
    roomy: Pixels
    """uint8 [n, 5/4 height, 5/4 width, 3]: what crops are cut from."""
    cells: Float16
    """[n, 2, patches, components]: the teacher's, as is and mirrored."""
    text: Float32
    """[n, 384]: unit vectors of the films' texts."""
    genres: tuple[str, ...]
    labels: Float32
    """[n, genres] of 0 and 1."""
    fingerprint: str
    """SHA-256 over ids, posters, texts and genres."""

    def __len__(self) -> int:
        return len(self.imdb)


def films_of(data: Path, posters: list[Poster]) -> list[EncodeItem]:
    """The films of the posters, with overviews as texts.

    Raises:
        DataError: if a poster's film is not in the catalogue.
    """
    texts = overviews(data / FOLDER / OVERVIEWS)
    known = {item.item_id: item for item in load_items(data / DATASET)}
    films = []
    for poster in posters:
        item = known.get(poster.item_id)
        if item is None:
            raise DataError(poster.table, f"{poster.item_id} is no film of {DATASET}", poster.row)
        text = texts.get(poster.item_id.partition(":")[2], "")
        films.append(EncodeItem(title=item.title, year=item.year, genres=tuple(item.genres), text=text))
    return films


def genre_labels(films: list[EncodeItem], least: int = LEAST_OF_A_GENRE) -> tuple[tuple[str, ...], Float32]:
    """Genres that at least ``least`` films have, in order, and float32 [films, genres] of 0 and 1."""
    counts: dict[str, int] = {}
    for film in films:
        for genre in film.genres:
            counts[genre] = counts.get(genre, 0) + 1
    genres = tuple(sorted(genre for genre, count in counts.items() if count >= least))
    labels = np.array([[g in film.genres for g in genres] for film in films], dtype=np.float32)
    return genres, labels.reshape(len(films), len(genres))


def load_examples(data: Path, options: ViTOptions, cache: Path, progress: Progress) -> Examples:
    """Everything that training looks at; pixels, features and texts are cached below ``cache`` by content.

    Raises:
        DataError: naming file and row, if a table, poster or weight file is missing or bad.
        TrainingError: if there are too few posters or genres.
    """
    posters = posters_of(data, DATASET)[: options.limit or None]
    films = films_of(data, posters)
    genres, labels = genre_labels(films, min(LEAST_OF_A_GENRE, max(2, len(films) // 20)))
    if len(posters) < 8 or not genres:
        raise TrainingError(
            f"{data}: {len(posters)} posters of {len(genres)} genres are too few to learn from"
        )
    height, width = options.model.image_height, options.model.image_width
    if options.model.patch != 16:
        raise TrainingError("the teacher's cells lie on patches of 16 pixels")
    sentences = [sentence(film) for film in films]
    digest = hashlib.sha256(fingerprint(posters).encode())
    for line, row in zip(sentences, labels, strict=True):
        digest.update(line.encode(errors="surrogatepass") + b"\0" + row.tobytes())
    return Examples(
        imdb=tuple(poster.imdb for poster in posters),
        pixels=packed(posters, height, width, cache, progress),
        roomy=packed(posters, height * 5 // 4, width * 5 // 4, cache, progress),
        cells=teacher_cells(posters, data / WEIGHTS, 2 * height, 2 * width, cache, progress),
        text=_texts(films, sentences, options, cache, progress),
        genres=genres,
        labels=labels,
        fingerprint=digest.hexdigest(),
    )


def _texts(
    films: list[EncodeItem], sentences: list[str], options: ViTOptions, cache: Path, progress: Progress
) -> Float32:
    text = text_model(options.max_tokens)
    named = hashlib.sha256(f"{text.model.sha256}|{options.max_tokens}|".encode())
    for line in sentences:
        named.update(line.encode(errors="surrogatepass") + b"\0")

    def fill(into: npt.NDArray[Any]) -> None:
        into[:] = embed(films, text, progress, options.threads)

    path = cache / f"texts-{named.hexdigest()[:24]}.npy"
    made = cached_array(path, (len(films), text.model.width), np.dtype(np.float32), fill)
    return made.astype(np.float32, copy=False)


def split(
    imdb: tuple[str, ...], share: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(training, validation) places, by a hash of (seed, film): a film's side hangs on no other film.

    Raises:
        TrainingError: if a side would be empty.
    """
    marks = [
        int.from_bytes(hashlib.sha256(f"{seed}|{one}".encode()).digest()[:8], "big") / 2**64 < share
        for one in imdb
    ]
    held = np.array(marks, dtype=np.bool_)
    if held.all() or not held.any():
        raise TrainingError(f"{len(imdb)} posters are too few to hold back a share of {share:g}")
    return np.flatnonzero(~held), np.flatnonzero(held)
