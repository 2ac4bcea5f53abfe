"""Which data set lies in a folder, and its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.data.cards import describe as describe_ratings
from trainer.data.clip_files import SUFFIXES, is_clips
from trainer.data.layouts import LOOKED_FOR, find_layout
from trainer.data.mmtf import FEATURES
from trainer.data.mmtf_card import describe_mmtf, is_mmtf
from trainer.data.poster_tables import FOLDER, GENRES_FILE, MAP_FILE
from trainer.data.posters_card import describe_posters, is_posters
from trainer.exceptions import DataError


@dataclass(frozen=True)
class Kind:
    """A kind of data set: what tells it, whether a folder is one, and how it is described."""

    looked_for: str
    found: Callable[[Path], bool]
    describe: Callable[[Path], dict[str, Any]]


def _describe_clips(path: Path) -> dict[str, Any]:
    try:
        from trainer.data.clips_card import describe_clips
    except ImportError as error:
        raise DataError(path, f"clips are read by PyAV: pip install 'marquee[train]' ({error})") from None
    return describe_clips(path)


KINDS = (
    Kind(f"ratings and films ({LOOKED_FOR})", lambda path: find_layout(path) is not None, describe_ratings),
    Kind(f"MMTF-14K ({FEATURES})", is_mmtf, describe_mmtf),
    Kind(f"posters ({FOLDER}/ beside {MAP_FILE} or {GENRES_FILE})", is_posters, describe_posters),
    Kind(f"clips (*{', *'.join(SUFFIXES)})", is_clips, _describe_clips),
)
"""The first that is found counts: a folder of films may hold posters and trailers as well."""


def describe(path: Path) -> dict[str, Any]:
    """The card of the data set in folder ``path`` (or of a file of ratings); "layout" says which kind it is.

    Raises:
        DataError: naming file and row, if the data are bad; or all that is looked for, if nothing is found.
    """
    for kind in KINDS:
        if kind.found(path):
            return kind.describe(path)
    looked = "; ".join(kind.looked_for for kind in KINDS)
    raise DataError(path, f"no data set that is known; looked for: {looked}")
