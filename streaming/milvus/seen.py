"""What a user rated, as text beside his vector: 12 characters an item over four fields (DESIGN section 7).

An item is nine bytes: the big-endian 64-bit hash of its id and one byte of weight class. Nine bytes are
twelve base64url characters without padding, so that entries can be cut and joined anywhere between them.
Pure.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streaming.milvus.exceptions import RowRefusedError

LIKED, NEUTRAL, DISLIKED = 1, 2, 3
"""Weight classes by the space's policy; zero is never written."""

FIELDS = 4
CHARS = 12
_BYTES = 9
FIELD_ITEMS = 65_535 // CHARS
MAX_SEEN = FIELDS * FIELD_ITEMS
"""21,844 items; a user has at most 20,000."""

Seen = tuple[str, str, str, str]
NOTHING_SEEN: Seen = ("", "", "", "")


def item_hash(item_id: str) -> int:
    """64 unsigned bits of an item id, the same in every process and version."""
    return int.from_bytes(hashlib.blake2b(item_id.encode(), digest_size=8).digest(), "big")


def encode_seen(hashes: npt.NDArray[np.uint64], classes: npt.NDArray[np.uint8]) -> Seen:
    """The four fields for items with these hashes (uint64, shape (n,)) and classes (uint8, shape (n,)).

    Raises:
        RowRefusedError: for more than :data:`MAX_SEEN` items.
    """
    n = len(hashes)
    if n > MAX_SEEN:
        raise RowRefusedError(f"{n} rated items do not fit into a user row ({MAX_SEEN} do)")
    if n == 0:
        return NOTHING_SEEN
    packed = np.empty((n, _BYTES), dtype=np.uint8)
    packed[:, :8] = hashes.astype(">u8").view(np.uint8).reshape(n, 8)
    packed[:, 8] = classes
    text = base64.urlsafe_b64encode(packed.tobytes()).decode("ascii")
    step = FIELD_ITEMS * CHARS
    return text[:step], text[step : 2 * step], text[2 * step : 3 * step], text[3 * step :]


def decode_seen(fields: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
    """(hashes uint64 (n,), classes uint8 (n,)) in the fields of a user row, in the order written."""
    packed = np.frombuffer(base64.urlsafe_b64decode("".join(fields)), dtype=np.uint8).reshape(-1, _BYTES)
    hashes = np.ascontiguousarray(packed[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
    return hashes, packed[:, 8].copy()
