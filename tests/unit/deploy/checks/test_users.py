"""Which differences of a row are seen, each alone."""

from __future__ import annotations

import dataclasses

import numpy as np

from deploy.checks.expected import expected_row
from deploy.checks.reading import Record
from deploy.checks.users import Documents, row_difference
from streaming.control.documents import MEAN
from streaming.documents import encode_user
from streaming.milvus.rows import UserRow
from streaming.milvus.seen import LIKED, encode_seen, item_hash
from streaming.partition import partition_of

WANT = expected_row({"a": (4.0, 1), "b": (1.0, 1)}, {"a": np.array([3.0, 4.0])}, 2, MEAN)
SEEN = encode_seen(np.array([item_hash("a"), item_hash("b")], np.uint64), np.array([LIKED, 3], np.uint8))
ROW = UserRow(
    user_id="u",
    vector=np.array([3.0, 4.0], np.float32),
    revision=7,
    part=2,
    digest=0,
    writer="w",
    n_liked=1,
    n_rated=2,
    updated_at=0,
    seen=SEEN,
)


def what(**change: object) -> str | None:
    """What is wrong with the row after ``change``."""
    return row_difference(dataclasses.replace(ROW, **change), WANT, 7, 2)[1]


def test_a_right_row_is_right() -> None:
    assert what() is None
    assert what(revision=8) is None


def test_each_difference_is_seen() -> None:
    assert what(vector=np.array([3.0, 4.001], np.float32)) == "vector"
    assert what(vector=np.array([np.nan, 4.0], np.float32)) == "vector"
    one = encode_seen(np.array([item_hash("a")], np.uint64), np.array([LIKED], np.uint8))
    assert what(seen=one) == "seen"
    twice = encode_seen(
        np.array([item_hash("a"), item_hash("b"), item_hash("b")], np.uint64),
        np.array([LIKED, 3, 3], np.uint8),
    )
    assert what(seen=twice) == "seen"
    assert what(n_liked=2) == "counts"
    assert what(revision=6) == "revision"
    assert what(part=3) == "part"


def test_documents_follow_the_log_and_forget_with_a_tombstone() -> None:
    partition = partition_of("u", 12)
    documents = Documents(partition, 12)

    def record(offset: int, value: bytes | None) -> Record:
        return Record("t", partition, offset, 0, b"u", value, [])

    documents.take([record(1, encode_user({"a": (4.0, 1)})), record(2, encode_user({"a": (3.0, 2)}))])
    assert documents.found == {"u": (2, {"a": (3.0, 2)})}
    documents.take([record(3, None)])
    assert documents.found == {}
