"""Rows of a collection, by id and by partition; a collection that is gone has none."""

from __future__ import annotations

from collections.abc import Sequence

from streaming.milvus.client import MilvusStore
from streaming.milvus.exceptions import CollectionMissingError
from streaming.milvus.limits import MAX_RESULT
from streaming.milvus.rows import ItemRow, UserRow


def user_rows(store: MilvusStore, collection: str, user_ids: Sequence[str]) -> dict[str, UserRow]:
    """The rows of those users that have one."""
    try:
        return store.get_users(collection, user_ids)
    except CollectionMissingError:
        return {}


def item_rows(store: MilvusStore, collection: str, item_ids: Sequence[str]) -> dict[str, ItemRow]:
    """The rows of those films that have one."""
    try:
        return store.get_items(collection, item_ids)
    except CollectionMissingError:
        return {}


def rows_of_part(store: MilvusStore, collection: str, key: str, part: int) -> dict[str, tuple[int, int]]:
    """id -> (revision, digest) of every row of ``part``.

    An answer of 16,384 rows is cut: then the range of ids is halved at the median of what came back,
    until each half fits.
    """
    found: dict[str, tuple[int, int]] = {}
    ranges: list[tuple[str | None, str | None]] = [(None, None)]
    while ranges:
        low, high = ranges.pop()
        try:
            rows = store.digests(collection, key, part, low, high)
        except CollectionMissingError:
            return {}
        if len(rows) < MAX_RESULT:
            found.update(rows)
            continue
        middle = sorted(rows)[len(rows) // 2]
        ranges += [(low, middle), (middle, high)]
    return found
