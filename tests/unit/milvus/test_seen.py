"""The seen codec: twelve characters an item over four fields."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.milvus.exceptions import RowRefusedError
from streaming.milvus.seen import (
    DISLIKED,
    FIELD_ITEMS,
    LIKED,
    MAX_SEEN,
    NOTHING_SEEN,
    decode_seen,
    encode_seen,
    item_hash,
)


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(LIKED, DISLIKED)), max_size=50))
def test_what_is_encoded_is_decoded(entries: list[tuple[int, int]]) -> None:
    hashes = np.array([h for h, _ in entries], dtype=np.uint64)
    classes = np.array([c for _, c in entries], dtype=np.uint8)
    got_hashes, got_classes = decode_seen(encode_seen(hashes, classes))
    assert got_hashes.tolist() == hashes.tolist()
    assert got_classes.tolist() == classes.tolist()


@pytest.mark.parametrize("count", [FIELD_ITEMS, FIELD_ITEMS + 1, 20_000, MAX_SEEN])
def test_many_items_fill_fields_that_milvus_takes(count: int) -> None:
    hashes = np.random.default_rng(1).integers(0, 2**64, count, dtype=np.uint64)
    fields = encode_seen(hashes, np.full(count, LIKED, dtype=np.uint8))
    assert all(len(text) <= 65_535 and text.isascii() for text in fields)
    assert sum(map(len, fields)) == 12 * count
    assert decode_seen(fields)[0].tolist() == hashes.tolist()


def test_more_than_fits_is_refused_and_nothing_is_nothing() -> None:
    with pytest.raises(RowRefusedError):
        encode_seen(np.zeros(MAX_SEEN + 1, dtype=np.uint64), np.ones(MAX_SEEN + 1, dtype=np.uint8))
    assert encode_seen(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint8)) == NOTHING_SEEN
    assert len(decode_seen(NOTHING_SEEN)[0]) == 0


def test_the_hash_of_an_item_never_changes() -> None:
    # rows in Milvus outlive processes and versions: this number is part of the format
    assert item_hash("ml:296") == int.from_bytes(bytes.fromhex(REFERENCE), "big")
    assert item_hash("ml:297") != item_hash("ml:296")


REFERENCE = "a9f43cd296b44c60"
