"""Numbers of a film beside its text: genres, year, and hashed countries, languages, people. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from handlers.items import EncodeItem

HASHED_FIELDS = ("countries", "languages", "directors", "cast")

Float32 = npt.NDArray[np.float32]


class FeatureConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which numbers there are; fixed when a package is trained."""

    genres: tuple[str, ...]
    """Names in their columns' order; compared without case. Others are passed over."""
    year_knots: tuple[int, ...] = tuple(range(1900, 2041, 10))
    """Years between which the year is interpolated linearly; outside, the nearest knot counts."""
    hashed: dict[str, int] = {}
    """Field of :data:`HASHED_FIELDS` -> number of buckets; a field that training never saw is left out."""

    @property
    def width(self) -> int:
        """Number of columns: genres and one for "has none", knots and one for "no year", buckets."""
        return len(self.genres) + 1 + len(self.year_knots) + 1 + sum(self.hashed.values())

    @property
    def columns(self) -> dict[str, tuple[int, int]]:
        """Group of columns -> (first, behind the last): ``genres``, ``year``, and the hashed fields."""
        genres, years = len(self.genres) + 1, len(self.year_knots) + 1
        out = {"genres": (0, genres), "year": (genres, genres + years)}
        start = genres + years
        for field, buckets in self.hashed.items():
            out[field] = (start, start + buckets)
            start += buckets
        return out


def _year_weights(year: int, knots: Sequence[int]) -> list[tuple[int, float]]:
    if year <= knots[0]:
        return [(0, 1.0)]
    if year >= knots[-1]:
        return [(len(knots) - 1, 1.0)]
    right = next(i for i, knot in enumerate(knots) if knot >= year)
    share = (year - knots[right - 1]) / (knots[right] - knots[right - 1])
    return [(right - 1, 1.0 - share), (right, share)]


def side_features(items: Sequence[EncodeItem], config: FeatureConfig) -> Float32:
    """float32 [n, ``config.width``]; every entry lies in 0..1.

    Genres and hashed names of one film are divided by the square root of their number, so that long
    lists do not shout.
    """
    columns = {name.casefold(): i for i, name in enumerate(config.genres)}
    years = len(config.genres) + 1
    out = np.zeros((len(items), config.width), dtype=np.float32)
    for row, item in zip(out, items, strict=True):
        known = {columns[g.casefold()] for g in item.genres if g.casefold() in columns}
        if known:
            row[list(known)] = len(known) ** -0.5
        else:
            row[years - 1] = 1.0
        if item.year is None:
            row[years + len(config.year_knots)] = 1.0
        else:
            for knot, weight in _year_weights(item.year, config.year_knots):
                row[years + knot] = weight
        start = years + len(config.year_knots) + 1
        for field, buckets in config.hashed.items():
            names: tuple[str, ...] = getattr(item, field)
            for name in names:
                row[start + zlib.crc32(name.casefold().encode(errors="surrogatepass")) % buckets] = (
                    len(names) ** -0.5
                )
            start += buckets
    return out
