"""Ratings in event-time order, whatever order and batches they come in."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deploy.data.table import rating_table
from trainer.data import Ratings

Row = tuple[str, str, float, int]
rows = st.lists(
    st.tuples(
        st.sampled_from(["ml:1", "ml:2", "ü"]),
        st.sampled_from(["ml:10", "ml:20"]),
        st.sampled_from([0.5, 3.7, 5.0]),
        st.integers(0, 5),
    ),
    max_size=40,
)


def batch(some: list[Row]) -> Ratings:
    """Columns of these rows."""
    return Ratings(
        np.array([r[0] for r in some], dtype=object),
        np.array([r[1] for r in some], dtype=object),
        np.array([r[2] for r in some], dtype=np.float64),
        np.array([r[3] for r in some], dtype=np.int64),
    )


@given(rows, st.integers(1, 7), st.integers(1, 50))
def test_order_is_event_time_then_file_and_a_limit_is_a_prefix(
    some: list[Row], size: int, limit: int
) -> None:
    batches = [batch(some[start : start + size]) for start in range(0, len(some), size)]
    want = sorted(some, key=lambda row: row[3])
    assert [tuple(row) for row in rating_table(batches).rows()] == want
    assert [tuple(row) for row in rating_table(batches, limit).rows()] == want[:limit]


@given(rows, st.integers(0, 40))
def test_resuming_gives_the_rest(some: list[Row], start: int) -> None:
    table = rating_table([batch(some)]) if some else rating_table([])
    whole = list(table.rows())
    assert whole[:start] + list(table.rows(start)) == whole
