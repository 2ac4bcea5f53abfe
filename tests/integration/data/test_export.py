"""Exporting what real compacted topics hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer

from deploy.data.export import export
from streaming.documents import HEARTBEAT_KEY, encode_user
from streaming.events import Item, encode
from streaming.exceptions import ConfigurationError
from streaming.kafka.config import producer_options
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames
from trainer.data import all_ratings, load_items


def put(settings: Settings, topic: str, partitions: int, key: str, value: bytes | None) -> None:
    """One record on its key's partition."""
    producer = Producer(producer_options(settings, "test"))
    producer.produce(topic, value, key, partition=partition_of(key, partitions))
    assert producer.flush(60) == 0


def test_an_export_holds_the_newest_documents_up_to_the_cut_off(ensured: Settings, tmp_path: Path) -> None:
    names, topics = TopicNames(ensured.namespace), ensured.topics
    users, items = topics.ratings_partitions, topics.items_partitions
    put(ensured, names.users, users, "u1", encode_user({"a": (1.0, 10)}))
    put(ensured, names.users, users, "u1", encode_user({"a": (4.5, 20), "b": (None, 30), "c": (3.0, 99)}))
    put(ensured, names.users, users, "gone", encode_user({"a": (1.0, 10)}))
    put(ensured, names.users, users, "gone", None)
    put(ensured, names.items, items, "a", encode(Item("a", "A", 1999, ("Drama",))))
    put(ensured, names.items, items, "b", b"{")
    put(ensured, names.items, items, HEARTBEAT_KEY.decode(), None)
    out = tmp_path / "export"
    result = export(ensured, 50, out)
    assert (result.users, result.ratings, result.left_out) == (1, 1, 1)
    assert (result.items, result.items_refused) == (1, 1)
    manifest = json.loads((out / "export.json").read_text())
    assert len(manifest["fingerprint"]) == 64
    assert sum(manifest["users_offsets"].values()) == 4
    loaded = all_ratings(out)
    assert (loaded.user_ids.tolist(), loaded.item_ids.tolist(), loaded.values.tolist()) == (
        ["u1"],
        ["a"],
        [4.5],
    )
    assert [item.title for item in load_items(out)] == ["A"]
    # the same state gives the same fingerprint, and replaces the export
    assert export(ensured, 50, out).fingerprint == manifest["fingerprint"]


def test_it_replaces_nothing_but_an_export(ensured: Settings, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ConfigurationError, match="no earlier export"):
        export(ensured, 50, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"
