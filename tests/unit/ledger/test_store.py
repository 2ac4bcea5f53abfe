"""The local store: what it keeps, and that it is believed only when it adds up."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streaming.ledger.exceptions import StoreError
from streaming.ledger.store import SCHEMA, Identity, PartitionStore, read_document, remove_stale

IDENTITY = Identity(SCHEMA, "cluster", "users", "topic-id", 3, 12)
DAY_MS = 86_400_000


def opened(
    path: Path, identity: Identity = IDENTITY, now_ms: int = DAY_MS
) -> tuple[PartitionStore, str | None]:
    store = PartitionStore(path, identity)
    return store, store.open(now_ms, DAY_MS)


def content(store: PartitionStore) -> dict[str, bytes]:
    return dict(store.scan())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users-3.sqlite"


def test_documents_mark_and_removals_survive_closing(path: Path) -> None:
    store, reason = opened(path)
    assert reason is not None
    store.write({"u": b"1", "v": b"2"}, 10, DAY_MS)
    store.write({"u": None, "v": b"3", "w": None}, 20, DAY_MS)
    store.close()
    again, reason = opened(path)
    assert reason is None
    assert (again.mark, again.rows) == (20, 1)
    assert content(again) == {"v": b"3"}
    assert (again.get("u"), again.get("v")) == (None, b"3")
    assert (read_document(path, "v"), read_document(path, "u")) == (b"3", None)


def test_rows_are_handed_over_when_it_is_opened(path: Path) -> None:
    store, _ = opened(path)
    store.write({"u": b"1", "v": b"2"}, 10, DAY_MS)
    store.close()
    seen: dict[str, bytes] = {}
    PartitionStore(path, IDENTITY).open(DAY_MS, DAY_MS, seen.__setitem__)
    assert seen == {"u": b"1", "v": b"2"}


@pytest.mark.parametrize(
    "changed",
    [
        {"cluster": "another"},
        {"topic_id": "recreated"},
        {"partition": 4},
        {"partitions": 6},
        {"schema": SCHEMA + 1},
    ],
)
def test_a_copy_of_something_else_is_begun_anew(path: Path, changed: dict[str, object]) -> None:
    store, _ = opened(path)
    store.write({"u": b"1"}, 10, DAY_MS)
    store.close()
    again, reason = opened(path, msgspec.structs.replace(IDENTITY, **changed))
    assert reason is not None
    assert (again.mark, content(again)) == (0, {})


@pytest.mark.parametrize("now_ms", [2 * DAY_MS + 1, -1])
def test_an_old_copy_and_one_from_the_future_are_begun_anew(path: Path, now_ms: int) -> None:
    store, _ = opened(path)
    store.write({"u": b"1"}, 10, DAY_MS)
    store.close()
    again, reason = opened(path, now_ms=now_ms)
    assert reason is not None
    assert content(again) == {}


def test_a_row_that_was_changed_removed_or_added_is_noticed(path: Path) -> None:
    for statement in (
        "update users set document = x'00' where id = 'u'",
        "delete from users where id = 'u'",
        "insert into users values ('x', x'00', 1)",
        "update users set document = x'32', crc = (select crc from users where id = 'v')",
        "update meta set meta = x'00'",
        "delete from meta",
        "drop table meta",
    ):
        store, _ = opened(path)
        store.write({"u": b"1", "v": b"2"}, 10, DAY_MS)
        store._connection.execute(statement)
        store.close()
        again, reason = opened(path)
        assert reason is not None, statement
        assert content(again) == {}
        again.close()


def test_a_failed_write_leaves_the_former_state(path: Path) -> None:
    store, _ = opened(path)
    store.write({"u": b"1"}, 10, DAY_MS)
    store._connection.execute("pragma max_page_count = 5")
    with pytest.raises(StoreError):
        store.write({"u": b"2", "v": b"x" * 100_000}, 20, DAY_MS)
    assert (store.mark, store.rows, content(store)) == (10, 1, {"u": b"1"})
    store._connection.execute("pragma max_page_count = 100000")
    store.write({"u": b"2", "v": b"x" * 100_000}, 20, DAY_MS)
    store.close()
    again, reason = opened(path)
    assert reason is None
    assert again.mark == 20


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A closed store of many pages, and what it holds."""
    path = tmp_path_factory.mktemp("sound") / "users-3.sqlite"
    store, _ = opened(path)
    for start in range(0, 400, 100):
        store.write(
            {f"user-{n}": bytes([n % 256]) * (n * 7 % 600) for n in range(start, start + 100)}, 7, DAY_MS
        )
    documents = content(store)
    store.close()
    return path, documents


@given(
    at=st.floats(0, 1), size=st.sampled_from([1, 64, 512, 2048, 4096]), filling=st.sampled_from([0, 255, 65])
)
@example(at=0.6841950985648181, size=2048, filling=255).via(
    "a row that claims more bytes than there is memory"
)
@settings(max_examples=150)
def test_a_torn_file_is_begun_anew_or_whole(
    sound: tuple[Path, dict[str, bytes]],
    tmp_path_factory: pytest.TempPathFactory,
    at: float,
    size: int,
    filling: int,
) -> None:
    path = tmp_path_factory.mktemp("torn") / "users-3.sqlite"
    data = bytearray(sound[0].read_bytes())
    start = int(at * (len(data) - size))
    data[start : start + size] = bytes([filling]) * size
    path.write_bytes(data)
    store, reason = opened(path)
    assert content(store) == (sound[1] if reason is None else {})
    store.write({"new": b"1"}, 8, DAY_MS)
    assert store.get("new") == b"1"
    store.close()
    shutil.rmtree(path.parent)


def test_stores_that_nobody_owns_go_when_nobody_would_believe_them(tmp_path: Path) -> None:
    import os

    for name, age_s in (("users-1.sqlite", 0), ("users-2.sqlite", 200), ("users-3.sqlite", 200)):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (1_000 - age_s, 1_000 - age_s))
    remove_stale(tmp_path, [tmp_path / "users-3.sqlite"], 1_000_000, 100_000)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["users-1.sqlite", "users-3.sqlite"]


def test_a_removed_document_leaves_no_byte_in_any_of_the_files(path: Path) -> None:
    store, _ = opened(path)
    store.write({"user-to-be-forgotten": b"a-document-of-his", "v": b"2"}, 10, DAY_MS)
    files = [path, path.with_name(f"{path.name}-wal")]
    assert any(b"user-to-be-forgotten" in file.read_bytes() for file in files if file.exists())
    store.write({"user-to-be-forgotten": None}, 20, DAY_MS)
    for file in files:
        left = file.read_bytes() if file.exists() else b""
        assert b"user-to-be-forgotten" not in left
        assert b"a-document-of-his" not in left


USERS = tuple(f"customer-{number:06d}" for number in range(50))
GONE = USERS[:25]
SEEDS = range(25)


def removed(path: Path, seed: int) -> PartitionStore:
    """A store in which SQLite moved rows of all sizes about, before half of its users were removed."""
    store, _ = opened(path)
    rng = random.Random(seed)
    for turn in range(1, 40):
        store.write({user: b"x" * rng.randrange(10, 5000) for user in rng.sample(USERS, 20)}, turn, DAY_MS)
    store.write(dict.fromkeys(GONE), 100, DAY_MS)
    return store


def left(path: Path, user: str) -> int:
    """How often a user stands in the bytes of the store and of its log."""
    files = [path, path.with_name(f"{path.name}-wal")]
    return sum(file.read_bytes().count(user.encode()) for file in files if file.exists())


def test_copies_of_a_removed_row_that_sqlite_left_behind_go_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stayed = []
    for seed in SEEDS:
        path = tmp_path / f"users-{seed}.sqlite"
        with monkeypatch.context() as careless:
            careless.setattr(PartitionStore, "_wipe", lambda self: None)
            removed(path, seed).close()
        stayed += [user for user in GONE if left(path, user)]
        # as after a kill between the two: wiping goes on when the store is opened
        again, reason = opened(path)
        assert (reason, again.rows) == (None, 25)
        assert [user for user in GONE if left(path, user)] == []
        again.close()
    assert stayed, "nothing is left without wiping either: the test shows nothing"


def test_a_removed_row_leaves_no_copies_while_its_store_is_open(tmp_path: Path) -> None:
    for seed in SEEDS:
        path = tmp_path / f"users-{seed}.sqlite"
        store = removed(path, seed)
        assert [user for user in GONE if left(path, user)] == []
        assert content(store).keys() == set(USERS[25:])


def test_the_log_is_cut_when_a_reader_lets_it_go(path: Path) -> None:
    store, _ = opened(path)
    store.write({"customer-1": b"1", "v": b"2"}, 10, DAY_MS)
    with contextlib.closing(sqlite3.connect(path)) as reader:
        reader.execute("begin")
        reader.execute("select * from users").fetchall()
        store.write({"customer-1": None}, 20, DAY_MS)
        assert left(path, "customer-1") > 0, "the reader held nothing up"
    store.write({"v": b"3"}, 30, DAY_MS)
    assert left(path, "customer-1") == 0
