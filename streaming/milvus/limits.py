"""The limits of a Milvus cluster, held in the client because Lite does not hold them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from streaming.milvus.exceptions import RowRefusedError

MAX_RESULT = 16_384
"""offset + limit of a search or query."""
MAX_STRING_BYTES = 65_535
MAX_ARRAY = 4_096
MAX_MESSAGE_BYTES = 64 * 2**20
_ROOM = MAX_MESSAGE_BYTES * 3 // 4  # field names and protobuf framing need some

Row = Mapping[str, Any]


def truncate_bytes(text: str, limit: int) -> str:
    """``text`` cut to at most ``limit`` bytes of UTF-8, never inside a character."""
    if len(text) * 4 <= limit:
        return text.encode(errors="replace").decode()
    return text.encode(errors="replace")[:limit].decode(errors="ignore")


def check_vector(vector: npt.NDArray[np.float32], dim: int) -> None:
    """Raises RowRefusedError unless ``vector`` is float32 of shape (dim,) and finite throughout."""
    if vector.shape != (dim,) or vector.dtype != np.float32:
        raise RowRefusedError(f"a vector is {vector.dtype}{list(vector.shape)}, not float32[{dim}]")
    if not np.isfinite(vector).all():
        raise RowRefusedError("a vector holds NaN or infinity")


def row_bytes(row: Row) -> int:
    """About how many bytes a row takes in a message.

    Raises:
        RowRefusedError: for a string or array over the cluster's limits.
    """
    size = 0
    for name, value in row.items():
        if isinstance(value, str):
            length = len(value) if value.isascii() else len(value.encode(errors="surrogatepass"))
            if length > MAX_STRING_BYTES:
                raise RowRefusedError(f"{name} has {length} bytes, a field holds {MAX_STRING_BYTES}")
            size += length + 8
        elif isinstance(value, np.ndarray):
            size += value.nbytes + 8
        elif isinstance(value, (list, tuple)):
            if len(value) > MAX_ARRAY:
                raise RowRefusedError(f"{name} has {len(value)} entries, an array holds {MAX_ARRAY}")
            size += sum(len(v.encode(errors="surrogatepass")) + 8 if isinstance(v, str) else 8 for v in value)
        else:
            size += 10
    return size


def last_wins(rows: Sequence[Row], key: str) -> list[Row]:
    """``rows`` with one row a key: the last one, in the order of last appearance."""
    if len({row[key] for row in rows}) == len(rows):
        return list(rows)
    kept: dict[str, Row] = {}
    for row in rows:
        kept.pop(row[key], None)
        kept[row[key]] = row
    return list(kept.values())


def messages(rows: Sequence[Row], limit: int = _ROOM) -> Iterator[list[Row]]:
    """``rows`` in runs that each fit into one message.

    Raises:
        RowRefusedError: for a row over the limits.
    """
    batch: list[Row] = []
    held = 0
    for row in rows:
        size = row_bytes(row)
        if batch and held + size > limit:
            yield batch
            batch, held = [], 0
        batch.append(row)
        held += size
    if batch:
        yield batch


def check_limit(limit: int, offset: int = 0) -> int:
    """``limit`` itself. Raises RowRefusedError outside 1..16,384."""
    if limit < 1 or limit + offset > MAX_RESULT:
        raise RowRefusedError(f"limit {limit} with offset {offset}: Milvus answers 1 to {MAX_RESULT} rows")
    return limit
