"""Users and films share ids: only where a user's id can stand is it a trace, and there it always is one."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.checks.places import Places, places, record_mentions
from deploy.checks.reading import Record
from deploy.checks.stored import stored_mentions
from deploy.checks.traces import Traces, search_files
from streaming.control.documents import Change, SpaceDocument, encode_control
from streaming.documents import VectorDocument, encode_counts, encode_user, encode_vector
from streaming.documents.user import Ratings
from streaming.ledger.store import Identity, PartitionStore
from streaming.settings import Settings
from streaming.topics import TopicNames

IDENTITY = Identity(1, "cluster", "t", "id", 0, 12)
NAMES = TopicNames("marquee")
LONG = "tt:0123456789abcdef"
"""Longer than any number is in bytes."""
K1_IN_A_TIME = 0x016B31000000
"""Milliseconds whose bytes are those of the id k1."""


def place_of(topic: str) -> Places:
    """Where users' ids can stand in a topic."""
    return places(Settings())(topic)


def record(topic: str, key: bytes, value: bytes | None) -> Record:
    """One record of a topic."""
    return Record(topic, 0, 0, 0, key, value, [("dlq-partition", b"3"), ("ce_type", b"x")])


def named(topic: str, key: bytes, value: bytes | None, user_id: str = "ml:3") -> bool:
    """Whether it names the user."""
    return record_mentions(record(topic, key, value), user_id, place_of(topic))


def test_a_film_of_the_same_id_is_no_trace_in_any_topic() -> None:
    rating = b'{"user_id": "ml:7", "item_id": "ml:3", "value": 4.0, "event_time": "2020-01-01T00:00:00Z"}'
    film = b'{"item_id": "ml:3", "title": "ml:3"}'
    vector = encode_vector(VectorDocument(1, b"\x00" * 8, "ml:3", None, ("ml:3",), "", "p@1"))
    change = Change(revision=1, nonce="", operator="ml:3", reason="ml:3", at_ms=0)
    space = SpaceDocument(space="s", package="p", version="3", dim=2, change=change)
    for topic, key, value in (
        (NAMES.ratings, b"ml:7", rating),
        (NAMES.dlq(NAMES.ratings), b"ml:7", rating),
        (NAMES.users, b"ml:7", encode_user({"ml:3": (4.0, 1)})),
        (NAMES.items, b"ml:3", film),
        (NAMES.items, b"ml:3", None),
        (NAMES.dlq(NAMES.items), b"ml:3", film),
        (NAMES.vectors("s"), b"ml:3", vector),
        (NAMES.popular, b"4.0\x1f0\x1f1", encode_counts({"ml:3": [(1, 2)]})),
        (NAMES.served, b"r", b'{"recommendation_id": "r", "user": "hash", "items": ["ml:3"]}'),
        (NAMES.events, b"r", b'{"recommendation_id": "r", "item_id": "ml:3", "kind": "click"}'),
        (NAMES.control, b"space/s", encode_control(space)),
    ):
        assert not named(topic, key, value), topic
        # no part of a dead letter's place is a user either
        assert not named(topic, key, value, "3"), topic


def test_a_user_is_found_in_every_topic() -> None:
    for topic, key, value in (
        (NAMES.ratings, b"x", b'{"user_id": "ml:3", "item_id": "ml:7"}'),
        (NAMES.ratings, b"ml:3", None),
        (NAMES.users, b"ml:3", encode_user({})),
        (NAMES.users, b"x", msgspec.msgpack.encode(["ml:3", {}])),
        (NAMES.items, b"x", b'{"item_id": "x", "user_id": "ml:3"}'),
        (NAMES.dlq(NAMES.ratings), b"x", b'{"broken": "ml:3"'),
        (NAMES.vectors("s"), b"x", b'{"by": "ml:3"}'),
        (NAMES.popular, b"x", msgspec.msgpack.encode({"a": {"ml:3": 1}})),
        (NAMES.served, b"x", b'{"user": "ml:3", "items": []}'),
        (NAMES.events, b"x", b'{"user_id": "ml:3", "item_id": "ml:4"}'),
        (NAMES.control, b"space/s", b'{"for": "ml:3"}'),
        (NAMES.presence, b"x", b'{"for": "ml:3"}'),
        ("marquee.new.v1", b"ml:3", None),
    ):
        assert named(topic, key, value), topic


def documents() -> dict[str, bytes | None]:
    """Users who have rated films that are called as users are; documents of all sizes, over pages too."""
    made: dict[str, bytes | None] = {}
    for number in range(120):
        rated: Ratings = {f"ml:{n}": (4.0, K1_IN_A_TIME) for n in range(number * number // 9)}
        rated |= {LONG: (None, 1), f"{LONG}{'x' * 30}": (0.5, 2), "me": (5.0, 3)}
        made[f"u{number}"] = encode_user(rated)
    return made


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    """An open store of those users."""
    made = PartitionStore(tmp_path / "users-0.sqlite", IDENTITY)
    made.open(1, 10)
    made.write(documents(), 5, 1)
    return made


IDS = ("ml:3", "me", "k1", LONG, f"{LONG}{'x' * 30}")


def all_mentions(folder: Path, user_id: str) -> int:
    """Of the store and its log."""
    return sum(
        stored_mentions(path, user_id)[1] for path in folder.glob("*.sqlite*") if "shm" not in path.name
    )


@pytest.mark.parametrize("user_id", IDS)
def test_a_store_names_the_users_it_holds_not_films(
    user_id: str, store: PartitionStore, tmp_path: Path
) -> None:
    assert all_mentions(tmp_path, user_id) == 0
    assert all_mentions(tmp_path, "u77") >= 1
    store.write({user_id: encode_user({"ml:9": (1.0, 1)})}, 6, 1)
    assert all_mentions(tmp_path, user_id) >= 1, "in the log, before a checkpoint"
    store.close()
    assert all_mentions(tmp_path, user_id) >= 1
    store = PartitionStore(tmp_path / "users-0.sqlite", IDENTITY)
    assert store.open(1, 10) is None
    store.write({user_id: None}, 7, 1)
    assert all_mentions(tmp_path, user_id) == 0, "the store wipes what it deletes"
    store.close()


@pytest.mark.parametrize("user_id", IDS)
@pytest.mark.parametrize("everybody", [False, True], ids=["a free block", "free pages"])
def test_a_row_that_was_deleted_and_not_wiped_is_found(
    user_id: str, everybody: bool, store: PartitionStore, tmp_path: Path
) -> None:
    store.write({user_id: encode_user({f"ml:{n}": (1.0, n) for n in range(40)})}, 6, 1)
    store.close()
    with sqlite3.connect(tmp_path / "users-0.sqlite", isolation_level=None) as careless:
        careless.execute("pragma secure_delete = off")
        careless.execute("delete from users" if everybody else f"delete from users where id = '{user_id}'")
        assert careless.execute("select count(*) from users where id = ?", (user_id,)).fetchone() == (0,)
        careless.execute("pragma wal_checkpoint(truncate)")
    careless.close()
    assert stored_mentions(tmp_path / "users-0.sqlite", user_id)[1] >= 1


def test_in_a_table_of_another_make_every_column_counts(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "cache.sqlite") as other:
        other.execute("create table seen (who text)")
        other.execute("insert into seen values ('ml:3')")
    other.close()
    assert stored_mentions(tmp_path / "cache.sqlite", "ml:3") == ("bytes of a file", 1)


def test_columns_of_users_count_in_tables(tmp_path: Path) -> None:
    table = pa.table({"user_id": ["ml:3", "ml:4", "ml:3"], "item_id": ["ml:5"] * 3, "genres": [["ml:6"]] * 3})
    pq.write_table(table, tmp_path / "users.parquet", compression="zstd")
    with pa.ipc.new_stream(str(tmp_path / "wal.arrow"), table.schema) as stream:
        stream.write_table(table)
    for name in ("users.parquet", "wal.arrow"):
        found = [stored_mentions(tmp_path / name, f"ml:{n}")[1] for n in range(3, 7)]
        assert found == [2, 1, 0, 0], name
    pq.write_table(pa.table({"tags": [["a", "ml:3"]]}), tmp_path / "tags.parquet")
    assert stored_mentions(tmp_path / "tags.parquet", "ml:3")[1] == 1
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 ml:3 ")
    assert stored_mentions(tmp_path / "torn.parquet", "ml:3")[1] == 1


def test_a_number_in_a_log_is_no_id_and_a_film_no_user(tmp_path: Path) -> None:
    lines = [
        '{"pid": 12, "event": "died", "item_id": "ml:3"}',
        '{"event": "user \\u006dl:4 rated"}',
        "%6| ml:5 |",
    ]
    (tmp_path / "x.log").write_text("\n".join(lines))
    assert [stored_mentions(tmp_path / "x.log", u)[1] for u in ("12", "ml:3", "ml:4", "ml:5")] == [0, 0, 1, 1]
    (tmp_path / "x.json").write_text(json.dumps({"n": 12, "item_id": "ml:3", "last": {"ml:4": ["by ml:5"]}}))
    assert [stored_mentions(tmp_path / "x.json", u)[1] for u in ("12", "ml:3", "ml:4", "ml:5")] == [
        0,
        0,
        1,
        1,
    ]


def test_machine_code_vectors_and_pictures_are_left_out_not_what_lies_beside(tmp_path: Path) -> None:
    picture = b"\xff\xd8\xff k1 "
    for name in (
        "engines/a/b/packed.cpu.1.float32.pt2",
        "stack/milvus/data/collections/c/partitions/p/indexes/data.vector.flat.idx",
        f"blobs/sha256/aa/{hashlib.sha256(picture).hexdigest()}",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(picture)
    result = Traces()
    search_files(Settings(home=tmp_path), "k1", result)
    assert (result.traces, result.files_without_ids) == ([], 3)
    assert "3 left out" in result.sentence
    beside = ("engines/a/b/note.txt", "state/own.pt2", "blobs/sha256/aa/other", "a file of its own")
    for name in beside:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture)
    search_files(Settings(home=tmp_path), "k1", result := Traces())
    assert {trace.where for trace in result.traces} == set(beside)
    assert not result.all_end
