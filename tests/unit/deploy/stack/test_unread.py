"""Partitions that nobody reads, as ledgers and space workers tell of them."""

from __future__ import annotations

from deploy.stack.unread import unread


def test_stopped_partitions_are_named_with_their_reasons() -> None:
    ledger = {
        "partitions": {
            "0": {"phase": "ready", "reason": ""},
            "3": {"phase": "stopped", "reason": "5 records were deleted"},
            "4": {"phase": "loading", "reason": ""},
        }
    }
    assert unread(ledger) == ["partition 3 of the ratings: 5 records were deleted"]
    worker = {"users": {"1": {"loaded": True}}, "indexer": {"stopped": {"items.v1-2": "out of range"}}}
    assert unread(worker) == ["items.v1-2: out of range"]


def test_where_all_is_read_there_is_nothing_to_say() -> None:
    assert unread({"partitions": {"0": {"phase": "ready", "reason": ""}}}) == []
    assert unread({"indexer": {"stopped": {}}}) == []
    assert unread({"indexer": {}}) == []
