"""What ratings say of the items a package was trained on, and how it joins the content vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from handlers.exceptions import PackageFileError
from handlers.items import EncodeItem, fingerprint


@dataclass(frozen=True)
class ItemTable:
    """Collaborative vectors of m items."""

    item_ids: tuple[str, ...]
    vectors: npt.NDArray[np.float16]
    """[m, dim]; c in DESIGN section 1."""
    weights: npt.NDArray[np.float32]
    """[m] in 0..1; a in DESIGN section 1."""
    fingerprints: npt.NDArray[np.int64]
    """[m]; of title and year."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rows", {item_id: row for row, item_id in enumerate(self.item_ids)})

    @property
    def dim(self) -> int:
        """Of the vectors."""
        return int(self.vectors.shape[1])

    def row(self, item: EncodeItem) -> int | None:
        """The row that is about this very film: same id, title and year."""
        rows: dict[str, int] = self._rows  # type: ignore[attr-defined]
        row = None if item.query else rows.get(item.item_id)
        if row is None or int(self.fingerprints[row]) != fingerprint(item.title, item.year):
            return None
        return row

    def blend(self, items: Sequence[EncodeItem], content: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(1 - a) content + a c where the fingerprint matches, else content; float32 [n, dim]."""
        out = content.astype(np.float32, copy=True)
        for i, item in enumerate(items):
            row = self.row(item)
            if row is not None:
                a = self.weights[row]
                out[i] = (np.float32(1) - a) * out[i] + a * self.vectors[row].astype(np.float32)
        return out


def save_table(table: ItemTable, path: Path) -> None:
    """Writes ``path`` (safetensors; ids as one run of UTF-8 bytes, each ended by a zero byte)."""
    ids = np.frombuffer("".join(f"{i}\0" for i in table.item_ids).encode(), dtype=np.uint8)
    save_file(
        {
            "item_ids": ids,
            "vectors": table.vectors,
            "weights": table.weights,
            "fingerprints": table.fingerprints,
        },
        path,
    )


def load_table(path: Path) -> ItemTable:
    """The table in ``path``.

    Raises:
        PackageFileError: if it cannot be read or its parts do not fit each other.
    """
    try:
        parts = load_file(path)
        ids = tuple(parts["item_ids"].tobytes().decode().split("\0")[:-1])
        table = ItemTable(ids, parts["vectors"], parts["weights"], parts["fingerprints"])
    except (OSError, KeyError, SafetensorError, UnicodeDecodeError) as error:
        raise PackageFileError(f"{path.name} cannot be read: {error}") from None
    if not len(ids) == len(table.vectors) == len(table.weights) == len(table.fingerprints):
        raise PackageFileError(f"{path.name} is torn: its columns differ in length")
    return table
