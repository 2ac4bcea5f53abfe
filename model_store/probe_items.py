"""Films, texts and posters whose vectors are recorded when a package is built.

Short, long, bare and odd ones, so that padding counts.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from handlers.items import EncodeItem, sentence

_PLOT = (
    "After the last light of the harbour goes out, a retired keeper and her granddaughter sail north to "
    "find out who has been answering the signals. What begins as a quarrel about an old debt turns into a "
    "voyage through drowned towns, where every house still has somebody at its window. "
)


def _picture(seed: int, height: int, width: int) -> bytes:
    """A PNG of smooth colours: the same bytes of pixels wherever it is read."""
    knots = np.random.default_rng(seed).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(knots).resize((width, height), Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


PROBE_ITEMS = (
    EncodeItem(title="A"),
    EncodeItem(title="The Harbour", year=1974, genres=("Drama", "Mystery")),
    EncodeItem(title="The Harbour", year=2021, genres=("Drama", "Mystery"), text=_PLOT),
    EncodeItem(title="Robots!", year=2009, genres=("Animation", "Children", "Comedy"), text=_PLOT * 6),
    EncodeItem(title="Das Boot im Sturm (Le bateau dans la tempête)", year=1931, genres=("War",)),
    EncodeItem(
        title="七人の灯台", year=1954, genres=("Action", "Adventure"), text="Sieben Wächter, ein Licht."
    ),
    EncodeItem(title="", text="No title at all, and no year either."),
    EncodeItem(
        title="Space Ledger",
        year=1999,
        genres=("Sci-Fi", "Thriller", "Action"),
        text="An accountant on a mining station finds a column that does not add up.",
        directors=("Ada Example",),
        cast=("Bo Example", "Cy Example"),
        countries=("Iceland",),
        poster=_picture(1, 268, 182),
    ),
    EncodeItem(title="The Harbour", year=1974, genres=("Drama", "Mystery"), poster=_picture(2, 120, 200)),
    EncodeItem(title="The Harbour", poster=_picture(3, 96, 64)),
    EncodeItem(title="", year=1974, poster=_picture(4, 96, 64)),
    EncodeItem(title="a keeper who lost his light", query=True),
    EncodeItem(title="a keeper who lost his light", poster=_picture(2, 120, 200), query=True),
    EncodeItem(title="", poster=_picture(1, 268, 182), query=True),
)

PROBE_FILMS = tuple(item for item in PROBE_ITEMS if not item.query)
"""Without what searchers say."""

PROBE_TEXTS = tuple(sentence(item) for item in PROBE_FILMS if item.title or item.text)

PROBE_POSTERS = tuple(_picture(*sizes) for sizes in ((1, 268, 182), (2, 120, 200), (3, 96, 64), (5, 1, 1)))
