"""Content of cold films: what plots and catalogues say, regressed onto the collaborative space."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from handlers.features import side_features
from handlers.items import EncodeItem, sentence
from streaming.cache import cache_folder
from trainer.space.embed import embed, text_model
from trainer.space.train import feature_config

Float64 = npt.NDArray[np.float64]


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
