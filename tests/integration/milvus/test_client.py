"""The Milvus client against a real server."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from deploy.stack.milvus import MilvusServer
from streaming.control.documents import TAKING_OVER_MS, Change, SpaceDocument
from streaming.exceptions import ConfigurationError
from streaming.milvus.client import MilvusStore
from streaming.milvus.exceptions import CollectionMissingError, MilvusUnavailableError, RowRefusedError
from streaming.milvus.filters import item_filter
from streaming.milvus.rows import ItemRow, UserRow
from streaming.milvus.seen import decode_seen, encode_seen
from streaming.settings import MilvusSettings, Settings

DIM = 8
NUMBERS = np.random.default_rng(7)


def item(n: int, *, year: int | None = 1990, genres: tuple[str, ...] = (), item_id: str = "") -> ItemRow:
    vector = NUMBERS.normal(size=DIM).astype(np.float32)
    return ItemRow(item_id or f"i{n}", vector, f"Film {n}", year, genres, "p", n, n % 3, -n)


def user(user_id: str, vector: float = 0.0, revision: int = 1) -> UserRow:
    hashes = np.arange(20_000, dtype=np.uint64)
    seen = encode_seen(hashes, np.ones(20_000, dtype=np.uint8))
    return UserRow(user_id, np.full(DIM, vector, np.float32), revision, 1, -(2**62), "w", 2, 3, 2**42, seen)


@pytest.fixture
def space(rng: random.Random) -> SpaceDocument:
    change = Change(revision=1, nonce="", operator="", reason="", at_ms=0)
    return SpaceDocument(
        space=f"c-{rng.randrange(16**8):08x}", package="p", version="1", dim=DIM, change=change
    )


@pytest.fixture
def store(settings: Settings, milvus: MilvusServer, space: SpaceDocument) -> Iterator[MilvusStore]:
    store = MilvusStore(settings)
    store.create_space_collections(space)
    yield store
    store.drop_space_collections(space)
    store.close()


def test_whole_rows_come_back_as_they_went_in(store: MilvusStore, space: SpaceDocument) -> None:
    row = user("a \"quoted\" \\ 'id' é")
    store.upsert_users(space.users_collection, [user(row.user_id, 9.0), row])
    got = store.get_user(space.users_collection, row.user_id)
    assert got is not None
    assert (got.revision, got.digest, got.n_liked, got.n_rated, got.updated_at) == (1, -(2**62), 2, 3, 2**42)
    assert not got.vector.any(), "the last row of a key wins"
    assert len(decode_seen(got.seen)[0]) == 20_000
    assert store.get_user(space.users_collection, "nobody") is None
    film = item(5, year=None, genres=('Film "noir"', "Drama"))
    store.upsert_items(space.items_collection, [film])
    back = store.get_items(space.items_collection, ["i5", "none"])["i5"]
    assert (back.title, back.year, back.genres, back.part) == ("Film 5", None, film.genres, 2)
    assert np.array_equal(back.vector, film.vector)


def test_searching_is_by_inner_product_and_filters(store: MilvusStore, space: SpaceDocument) -> None:
    films = [item(n, year=1980 + n, genres=("Odd",) if n % 2 else ("Even",)) for n in range(40)]
    store.upsert_items(space.items_collection, films)
    query = NUMBERS.normal(size=DIM).astype(np.float32)
    exact = sorted(films, key=lambda f: -float(f.vector @ query))
    hits = store.search_items(space.items_collection, query, 10)
    assert [h.item_id for h in hits] == [f.item_id for f in exact[:10]]
    assert hits[0].score == pytest.approx(float(exact[0].vector @ query), rel=1e-5)
    assert hits[0].title.startswith("Film ")
    (bare,) = store.search_items(space.items_collection, query, 1, output_fields=())
    assert (bare.item_id, bare.title, bare.vector) == (hits[0].item_id, "", None), "whole rows were read"
    wanted = item_filter(genre="Odd", year_from=1990, year_to=2000)
    found = {h.item_id for h in store.search_items(space.items_collection, query, 40, filter=wanted)}
    assert found == {f.item_id for f in films if f.genres == ("Odd",) and 1990 <= (f.year or 0) <= 2000}


def test_digests_of_key_ranges(store: MilvusStore, space: SpaceDocument) -> None:
    ids = [f"{chr(c)}{n}" for c in (0x41, 0x7A, 0xE9, 0x1F600) for n in range(5)]
    store.upsert_items(space.items_collection, [item(n, item_id=i) for n, i in enumerate(ids)])
    low, high = "z2", "é3"
    got = store.digests(space.items_collection, "item_id", 1, low, high)
    want = {i: (n, -n) for n, i in enumerate(ids) if n % 3 == 1 and low <= i < high}
    assert got == want
    store.delete(space.items_collection, "item_id", [*want, "absent"])
    assert not store.digests(space.items_collection, "item_id", 1, low, high)


@pytest.mark.parametrize("bad", [np.full(DIM, np.nan), np.full(DIM, np.inf), np.zeros(DIM - 1)])
def test_bad_vectors_are_refused_and_nothing_is_written(
    store: MilvusStore, space: SpaceDocument, bad: np.ndarray
) -> None:
    row = UserRow("bad", bad.astype(np.float32), 1, 1, 0, "w", 0, 0, 0)
    with pytest.raises(RowRefusedError):
        store.upsert_users(space.users_collection, [user("good"), row])
    assert store.get_user(space.users_collection, "good") is None
    with pytest.raises(RowRefusedError):
        store.search_items(space.items_collection, np.ones(DIM, dtype=np.float32), 16_385)


def test_creating_again_changes_nothing_and_another_dimension_is_refused(
    store: MilvusStore, space: SpaceDocument, settings: Settings
) -> None:
    store.upsert_users(space.users_collection, [user("a")])
    store.create_space_collections(space)
    assert store.count(space.users_collection) == 1
    wider = SpaceDocument(space=space.space, package="p", version="1", dim=DIM + 1, change=space.change)
    with pytest.raises(ConfigurationError, match="dimensions"):
        MilvusStore(settings).create_space_collections(wider)


def test_what_is_gone_and_what_is_away_are_told_apart(
    store: MilvusStore, space: SpaceDocument, settings: Settings
) -> None:
    store.drop_space_collections(space)
    store.drop_space_collections(space)
    with pytest.raises(CollectionMissingError):
        store.get_user(space.users_collection, "a")
    with pytest.raises(CollectionMissingError):
        store.upsert_users(space.users_collection, [user("a")])
    nowhere = MilvusSettings(uri="http://127.0.0.1:9", timeout_s=1)  # type: ignore[call-arg]
    away = MilvusStore(settings.model_copy(update={"milvus": nowhere}))
    with pytest.raises(MilvusUnavailableError):
        away.get_user(space.users_collection, "a")
    assert not away.ready()
    assert store.ready()
    wrong = settings.milvus.model_copy(update={"token": type(settings.milvus.token)("root:wrong")})
    with pytest.raises(MilvusUnavailableError):
        MilvusStore(settings.model_copy(update={"milvus": wrong})).list_collections()


def test_a_generation_that_is_being_filled_is_completed_by_its_forerunner(
    store: MilvusStore, space: SpaceDocument
) -> None:
    store.upsert_users(space.users_collection, [user("a", 1.0), user("b", 1.0)])
    now = int(time.time() * 1000)
    raised = msgspec.structs.replace(space, generation=2, generation_at_ms=now)
    seen = [store.user_of(raised, name) for name in ("a", "b", "nobody")]
    assert [row and row.vector[0] for row in seen] == [1.0, 1.0, None], "before its collection is made"
    store.create_users_collection(raised)
    store.upsert_users(raised.users_collection, [user("a", 2.0)])
    rows = [store.user_of(raised, name) for name in ("a", "b")]
    assert [row and row.vector[0] for row in rows] == [2.0, 1.0]
    old = msgspec.structs.replace(raised, generation_at_ms=now - TAKING_OVER_MS - 1)
    assert store.user_of(old, "b") is None, "a generation that is filled stands alone"
    store.drop_collection(space.users_collection)
    assert store.user_of(raised, "b") is None
    store.drop_collection(raised.users_collection)
