"""Partitions are Kafka's own: known values of the Java client's murmur2."""

from __future__ import annotations

import pytest

from streaming.partition import murmur2, partition_of


@pytest.mark.parametrize(
    ("text", "signed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_murmur2_is_kafkas(text: str, signed: int) -> None:
    assert murmur2(text.encode()) == signed % 2**32


def test_a_partition_is_never_negative() -> None:
    assert {partition_of(str(i), 12) for i in range(1000)} == set(range(12))
