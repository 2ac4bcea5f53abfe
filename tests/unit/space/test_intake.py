"""What a record of items.v1 asks for."""

from __future__ import annotations

import msgspec
import pytest

from streaming.events import Item, encode
from streaming.partition import partition_of
from streaming.space.intake import (
    FROM_HEADER,
    MOVED_HEADER,
    Dead,
    Encode,
    Forward,
    Headers,
    Remove,
    Skip,
    Source,
    decide,
    last_of_each,
)

PARTITIONS = 6
ITEM = Item(item_id="ml:296", title="Pulp Fiction")
RIGHT = partition_of("ml:296", PARTITIONS)
WRONG = (RIGHT + 1) % PARTITIONS


def source(
    value: bytes | None, key: bytes | None = b"ml:296", partition: int = RIGHT, headers: Headers | None = None
) -> Source:
    return Source("items", partition, 7, key, value, headers or [])


def test_items_and_tombstones_where_they_belong() -> None:
    assert decide(source(encode(ITEM)), PARTITIONS) == Encode(ITEM)
    assert decide(source(None), PARTITIONS) == Remove("ml:296")
    packed = source(msgspec.msgpack.encode(ITEM), headers=[("content-type", b"application/msgpack")])
    assert decide(packed, PARTITIONS) == Encode(ITEM)


def test_misplaced_records_are_forwarded_once() -> None:
    forward = Forward("ml:296", RIGHT)
    assert decide(source(encode(ITEM), partition=WRONG), PARTITIONS) == forward
    assert decide(source(None, partition=WRONG), PARTITIONS) == forward
    # under a foreign key compaction would keep the wrong record
    assert decide(source(encode(ITEM), key=b"other"), PARTITIONS) == forward
    marked = source(encode(ITEM), partition=WRONG, headers=[(FROM_HEADER, b"items-1@2")])
    assert isinstance(decide(marked, PARTITIONS), Dead)


def test_the_tombstone_left_where_a_record_lay_removes_nothing() -> None:
    for partition in range(PARTITIONS):
        left = source(None, partition=partition, headers=[(MOVED_HEADER, b"items-1@2")])
        assert decide(left, PARTITIONS) == Skip()


def test_heartbeats_are_skipped() -> None:
    assert decide(source(b"", key=b"\0"), PARTITIONS) == Skip()
    assert decide(source(b"", key=None), PARTITIONS) == Skip()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not json",
        b"[]",
        b"\xff\xfe",
        b'{"item_id": "a"}',
        b'{"item_id": "", "title": "x"}',
        b'{"item_id": "a\\u0000", "title": "x"}',
        b'{"item_id": "a", "title": " "}',
        b'{"item_id": "a", "title": "x", "year": "1999"}',
        b'{"item_id": "a", "title": "x", "year": 99999}',
        b'{"item_id": "a", "title": "' + b"x" * 2_000_000 + b'"}',
        b"[" * 100_000,
    ],
)
def test_bad_items_are_dead_with_a_reason(value: bytes) -> None:
    action = decide(source(value), PARTITIONS)
    assert isinstance(action, Dead)
    assert action.reason


def test_bad_keys_of_tombstones_are_dead() -> None:
    assert isinstance(decide(source(None, key=b"\xff"), PARTITIONS), Dead)
    assert isinstance(decide(source(None, key=b"x" * 65), PARTITIONS), Dead)


def test_only_the_last_word_on_an_item_counts() -> None:
    first, second, third = source(encode(ITEM)), source(None), source(encode(ITEM))
    acts = [(s, decide(s, PARTITIONS)) for s in (first, second)]
    assert last_of_each(acts) == [(second, Remove("ml:296"))]
    acts.append((third, decide(third, PARTITIONS)))
    assert last_of_each(acts) == [(third, Encode(ITEM))]
