"""The cluster's limits, held where Lite does not hold them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.milvus.exceptions import RowRefusedError
from streaming.milvus.limits import (
    check_limit,
    check_vector,
    last_wins,
    messages,
    row_bytes,
    truncate_bytes,
)


@given(st.text(), st.integers(0, 60))
def test_text_is_cut_to_bytes_and_stays_text(text: str, limit: int) -> None:
    cut = truncate_bytes(text, limit)
    assert len(cut.encode()) <= limit
    assert text.encode(errors="replace").decode().startswith(cut)
    if len(text.encode(errors="replace")) <= limit:
        assert cut == text.encode(errors="replace").decode()


def test_the_last_row_of_a_key_wins() -> None:
    rows = [{"id": "a", "v": 1}, {"id": "b", "v": 2}, {"id": "a", "v": 3}]
    assert last_wins(rows, "id") == [{"id": "b", "v": 2}, {"id": "a", "v": 3}]


def test_messages_stay_below_the_limit_and_lose_nothing() -> None:
    rows = [{"id": str(n), "vector": np.zeros(256, dtype=np.float32), "text": "x" * 1000} for n in range(100)]
    batches = list(messages(rows, limit=10_000))
    assert [row["id"] for batch in batches for row in batch] == [row["id"] for row in rows]
    assert all(sum(map(row_bytes, batch)) <= 10_000 for batch in batches)
    assert len(batches) > 10


@pytest.mark.parametrize("row", [{"t": "x" * 65_536}, {"t": "é" * 40_000}, {"g": ["x"] * 4_097}])
def test_rows_over_a_limit_are_refused(row: dict[str, object]) -> None:
    with pytest.raises(RowRefusedError):
        row_bytes(row)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_must_be_finite_and_of_the_dimension(bad: float) -> None:
    good = np.ones(4, dtype=np.float32)
    check_vector(good, 4)
    for wrong in (np.array([1, bad, 1, 1], dtype=np.float32), good[:3], good.astype(np.float64)):
        with pytest.raises(RowRefusedError):
            check_vector(wrong, 4)


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (16_385, 0), (16_384, 1)])
def test_limits_of_an_answer(limit: int, offset: int) -> None:
    assert check_limit(16_384) == 16_384
    with pytest.raises(RowRefusedError):
        check_limit(limit, offset)
