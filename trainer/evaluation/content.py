"""Content of cold films: what plots and catalogues say, regressed onto the collaborative space.

Votes, scores and awards are never read: they were gathered after release and would leak the future.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from handlers.features import side_features
from handlers.items import EncodeItem, sentence
from streaming.cache import cache_folder
from streaming.events import Item
from trainer.exceptions import DataError
from trainer.space.embed import embed, text_model
from trainer.space.train import encode_items, feature_config

Float64 = npt.NDArray[np.float64]


def omdb_films(items: Sequence[Item], path: Path) -> list[EncodeItem]:
    """``items`` with plot, people, countries and languages of an OMDb file (one JSON object a line).

    A film is found by its MovieLens number. Raises DataError naming the row.
    """
    found: dict[str, dict[str, str]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for row, line in enumerate(lines, 1):
                try:
                    entry = json.loads(line)
                    found[str(entry["movie_id"])] = entry
                except (ValueError, KeyError, TypeError) as error:
                    raise DataError(path, f"is no film: {error}", row) from None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from None
    return [_with(film, found.get(film.item_id.partition(":")[2], {})) for film in encode_items(items)]


def _names(entry: dict[str, str], key: str) -> tuple[str, ...]:
    value = entry.get(key) or ""
    return tuple(name for part in value.split(",") if (name := part.strip()) and name != "N/A")


def _with(film: EncodeItem, entry: dict[str, str]) -> EncodeItem:
    plot = entry.get("plot") or ""
    return msgspec.structs.replace(
        film,
        text=film.text or ("" if plot == "N/A" else plot),
        directors=film.directors or _names(entry, "director"),
        cast=film.cast or _names(entry, "actors"),
        countries=film.countries or _names(entry, "country"),
        languages=film.languages or _names(entry, "language"),
    )


def text_vectors(films: Sequence[EncodeItem], max_tokens: int = 96, cache: Path | None = None) -> Float64:
    """[n, 384]: what the text model makes of each film's sentence, on one core.

    Kept in ``cache`` (by default the cache folder of the data) by the content of model and sentences.
    """
    text = text_model(max_tokens)
    digest = hashlib.sha256(f"{text.model.sha256}\0{max_tokens}\0".encode())
    digest.update("\0".join(sentence(film) for film in films).encode(errors="surrogatepass"))
    path = (cache or cache_folder()) / f"text-{digest.hexdigest()[:24]}.npy"
    if path.is_file():
        return np.asarray(np.load(path), dtype=np.float64)
    vectors = embed(films, text, lambda *_: None, threads=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as aside:
        np.save(aside, vectors)
    Path(aside.name).replace(path)
    return vectors.astype(np.float64)


def side_vectors(films: Sequence[EncodeItem]) -> Float64:
    """[n, f]: genres, year, countries, languages, people; the vocabulary holds no rating."""
    return side_features(films, feature_config(films)).astype(np.float64)
