"""The reconciler's pure parts: key ranges and comparison."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.space.reconciler import compare, ranges

IDS = st.lists(st.text(max_size=3), unique=True, max_size=40).map(sorted)


@given(IDS, st.integers(1, 7), st.text(max_size=3))
def test_every_possible_id_lies_in_exactly_one_range(ids: list[str], size: int, other: str) -> None:
    cut = ranges(ids, size)
    assert [i for _, part in cut for i in part] == ids
    assert all(len(part) <= size for _, part in cut)
    for probe in (other, *ids):
        inside = [
            n
            for n, ((low, high), _) in enumerate(cut)
            if (low is None or probe >= low) and (high is None or probe < high)
        ]
        assert len(inside) == 1
        if probe in ids:
            assert probe in cut[inside[0]][1]


def test_ranges_follow_the_order_of_utf8_bytes() -> None:
    # Milvus compares bytes, Python code points: the same order in UTF-8, unlike in UTF-16
    ids = ["z", "é", "\uffee", "\U00010000"]
    assert sorted(ids) == sorted(ids, key=str.encode)


def test_findings() -> None:
    expected = {"right": (1, 10), "stale": (2, 20), "missing": (3, 30), "busy": (4, 40)}
    found = {"right": (1, 10), "stale": (1, 20), "orphan": (9, 9), "going": (8, 8)}
    findings = compare(found, expected, on_their_way={"busy", "going"})
    assert findings.wrong == {"stale", "missing"}
    assert findings.orphans == {"orphan"}
    assert compare({"a": (1, 2)}, {"a": (1, 3)}, set()).wrong == {"a"}
