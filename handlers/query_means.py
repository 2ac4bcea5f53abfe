"""What an encoder says of any film of which it is told as little as by a search; searches go without it.

Of a text alone, without genres or year, an encoder says mostly what all such films have in common. Compared
with films, that finds the ones of which nothing else is known, whatever was asked. So the mean over films
told of by text alone, by poster alone, or by both, is taken off a searcher's vector: what was asked is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from handlers.exceptions import PackageFileError
from handlers.items import EncodeItem

QUERY_MEANS_FILE = "query_means.safetensors"
"""Not every package has one: older ones do not, nor do those whose searches it made worse."""
TEXT, POSTER, BOTH = "text", "poster", "text_and_poster"

Float32 = npt.NDArray[np.float32]


def kind_of_query(item: EncodeItem) -> str:
    """What is told of ``item``: :data:`TEXT`, :data:`POSTER` or :data:`BOTH`."""
    if not item.poster:
        return TEXT
    return BOTH if item.title.strip() or item.text.strip() else POSTER


@dataclass(frozen=True)
class QueryMeans:
    """Kind of query -> float32 [dim]; of a kind that is not there nothing is taken off."""

    means: dict[str, Float32] = field(default_factory=dict)

    def centre(self, items: Sequence[EncodeItem], vectors: Float32) -> Float32:
        """``vectors`` [n, dim], less the mean of its kind where an item is a query."""
        out = vectors.copy()
        for i, item in enumerate(items):
            if item.query and (mean := self.means.get(kind_of_query(item))) is not None:
                out[i] -= mean
        return out


def save_query_means(means: QueryMeans, path: Path) -> None:
    """Writes ``path`` (safetensors)."""
    save_file(means.means, path)


def load_query_means(path: Path, dim: int) -> QueryMeans:
    """The means in ``path``; none if there is no such file.

    Raises:
        PackageFileError: if it cannot be read, or holds anything but finite vectors of ``dim``.
    """
    if not path.is_file():
        return QueryMeans()
    try:
        means = load_file(path)
    except (OSError, SafetensorError) as error:
        raise PackageFileError(f"{path.name} cannot be read: {error}") from None
    for kind, mean in means.items():
        if mean.shape != (dim,) or mean.dtype != np.float32 or not np.isfinite(mean).all():
            raise PackageFileError(f"{path.name} has for {kind} no finite float32 vector of {dim} dimensions")
    return QueryMeans(means)
