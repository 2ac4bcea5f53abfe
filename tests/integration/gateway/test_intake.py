"""Ratings and films over HTTP into real Kafka: what is taken, how the rest is refused, and outages."""

from __future__ import annotations

import io
import json
import signal
import time
import zlib
from typing import Any

import pytest
from confluent_kafka import Message
from PIL import Image

from deploy.stack.kafka import KafkaBroker
from streaming.blobs import BlobStore
from streaming.control.documents import SpaceDocument
from streaming.events import Item, decode_item, decode_rating
from streaming.partition import partition_of
from streaming.settings import Settings, TopicSettings
from tests.integration.conftest import Spawn
from tests.integration.gateway.world import Api, Film, World, ids
from tests.support import until

RATING: dict[str, Any] = {"user_id": "u", "item_id": "t:1", "value": 4.5}


def _header(message: Message, name: str) -> str:
    return dict(message.headers() or {})[name].decode()


def _problem(response: Any, status: int) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["detail"]
    return body


@pytest.fixture
def bare(world: World, spawn: Spawn) -> Api:
    """A gateway without any space: it takes ratings and films."""
    return world.start(spawn)


def test_ratings_in(world: World, bare: Api) -> None:
    post = bare.http.post
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    one = post("/v1/ratings", json=RATING, headers={"traceparent": trace, "x-request-id": "mine"})
    assert (one.status_code, one.json()) == (202, {"accepted": 1, "rejected": 0, "errors": []})
    assert one.headers["x-request-id"] == "mine"
    (record,) = world.ratings()
    assert record.partition() == partition_of("u", world.settings.topics.ratings_partitions)
    assert record.key() == b"u"
    assert (_header(record, "traceparent"), _header(record, "ce_specversion")) == (trace, "1.0")
    assert _header(record, "content-type") == "application/json"

    # one bad row in a bulk: the others are taken, duplicates too
    rows = [
        RATING,
        RATING | {"user_id": "v/ä"},
        RATING | {"value": 9},
        RATING,
        RATING | {"user_id": "w", "value": None},
    ]
    many = post("/v1/ratings", json={"ratings": rows})
    assert many.status_code == 202
    assert many.json() == {
        "accepted": 4,
        "rejected": 1,
        "errors": [{"index": 2, "detail": "value must be from 0.5 to 5.0", "field": "value"}],
    }
    assert post("/v1/ratings", json=[RATING] * 1_000).json()["accepted"] == 1_000
    assert bare.http.delete("/v1/users/v%2F%C3%A4/ratings/a%2Fb").status_code == 202
    assert bare.http.delete("/v1/users/v%2F%C3%A4").status_code == 202
    records = world.ratings()
    assert len(records) == 1 + 4 + 1_000 + 2
    partitions = world.settings.topics.ratings_partitions
    events = [decode_rating(m.value() or b"", list(m.headers() or [])) for m in records]
    assert all(
        m.partition() == partition_of(e.user_id, partitions) for m, e in zip(records, events, strict=True)
    )
    mine = [(e.item_id, e.value, e.erase) for e in events if e.user_id == "v/ä"]
    assert mine[:2] == [("t:1", 4.5, False), ("a/b", None, False)]
    assert mine[2][2] is True
    assert len({_header(m, "ce_id") for m in records}) == len(records)

    _refused_ratings(bare, world)


def _refused_ratings(bare: Api, world: World) -> None:
    """Each bad input of a rating is a 4xx problem, and none reaches Kafka."""
    before = len(world.ratings())
    bad: list[tuple[bytes, int]] = [
        (b"not json", 400),
        (b"", 400),
        (b'{"user_id": "u", "item_id": "i", "value": NaN}', 400),
        (b'{"user_id": "u", "item_id": "i", "value": Infinity}', 400),
        (b'{"user_id": "u", "item_id": "i", "value": 1e999}', 400),
        (b'{"user_id": "\xff", "item_id": "i", "value": 4}', 400),
        (b"[" * 200_000, 400),
        (b'{"x":' * 150_000, 400),
        (json.dumps([RATING] * 1_001).encode(), 400),
        (b"[" + b" " * 1_100_000 + b"]", 413),
    ]
    bad += [
        (json.dumps(RATING | change).encode(), 400)
        for change in (
            {"value": 0.4},
            {"value": 5.01},
            {"value": "4"},
            {"value": [4]},
            {"user_id": ""},
            {"user_id": "x" * 65},
            {"user_id": "a\nb"},
            {"item_id": ""},
            {"item_id": "\u0000"},
            {"event_time": "2999-01-01T00:00:00Z"},
            {"event_time": "1969-01-01T00:00:00Z"},
            {"event_time": "yesterday"},
            {"user_id": 5},
        )
    ]
    for body, status in bad:
        kind = {"content-type": "application/json"}
        _problem(bare.http.post("/v1/ratings", content=body, headers=kind), status)
    everything = _problem(bare.http.post("/v1/ratings", json=RATING | {"value": 0}), 400)
    assert everything["field"] == "value"
    unknown = _problem(bare.http.post("/v1/ratings", json=RATING | {"rating": 4}), 400)
    assert (unknown["field"], "there are user_id" in unknown["detail"]) == ("rating", True)
    _problem(bare.http.post("/v1/ratings", content=b"a=1", headers={"content-type": "text/plain"}), 415)
    chunked = iter([b"[" + b" " * 600_000] * 30)
    _problem(
        bare.http.post("/v1/ratings", content=chunked, headers={"content-type": "application/json"}), 413
    )
    for path in ("/v1/ratings", "/v1/items:bulk", "/v1/events"):
        none = _problem(bare.http.post(path, json=[RATING | {"value": 0}] * 2), 400)
        assert (none["accepted"], [error["index"] for error in none["errors"]]) == (0, [0, 1]), path
        assert all(error["detail"] and error["field"] for error in none["errors"]), path
    for key in ({"x-api-key": ""}, {"x-api-key": "wrong"}, {"x-api-key": "", "authorization": "Bearer x"}):
        _problem(bare.http.post("/v1/ratings", json=RATING, headers=key), 401)
    _problem(bare.http.delete("/v1/users/%ff/ratings/i"), 400)
    _problem(bare.http.delete("/v1/users/u/ratings/" + "x" * 65), 400)
    _problem(bare.http.delete("/v1/users/a%00b"), 400)
    wrong = bare.http.get("/v1/ratings")
    assert "/v1/ratings takes POST, not GET" in _problem(wrong, 405)["detail"]
    assert wrong.headers["allow"] == "POST"
    assert "/v1/nothing" in _problem(bare.http.get("/v1/nothing"), 404)["detail"]
    _problem(bare.http.get("/v1/users/u/recommendations"), 503)
    assert len(world.ratings()) == before
    for path in ("/healthz", "/readyz", "/openapi.json", "/metrics", "/docs"):
        assert bare.http.get(path, headers={"x-api-key": ""}).status_code == 200, path
    page = bare.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none';")
    assert str(bare.http.base_url).rstrip("/") in page.text
    missing = [path for path in bare.http.get("/openapi.json").json()["paths"] if path not in page.text]
    assert not missing


def _picture(kind: str, size: tuple[int, int] = (60, 90)) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(out, kind)
    return out.getvalue()


def test_films_and_posters_in(world: World, bare: Api) -> None:
    put, get = bare.http.put, bare.http.get
    film = {"title": "Sintel", "year": 2010, "genres": ["Animation"], "text": "A girl and a dragon."}
    _problem(get("/v1/items/a%2Fb"), 404)
    _problem(put("/v1/items/a%2Fb/poster", content=_picture("PNG")), 404)
    assert put("/v1/items/a%2Fb", json=film).status_code == 202
    shown = get("/v1/items/a%2Fb").json()
    assert shown == {"item_id": "a/b", **film, "indexed": False, "space": None, "likes": 0}

    poster = _picture("WEBP")
    assert "no uploaded poster" in _problem(get("/v1/items/a%2Fb/poster"), 404)["detail"]
    assert _problem(get("/v1/items/none/poster"), 404)["detail"] == "no film 'none'"
    stored = put("/v1/items/a%2Fb/poster", content=poster)
    assert stored.status_code == 202
    sha = stored.json()["poster_sha256"]
    assert BlobStore(world.settings).get(sha) == poster
    picture = get("/v1/items/a%2Fb/poster")
    assert (picture.content, picture.headers["content-type"]) == (poster, "image/webp")
    # the film is still all there, and keeps its poster when it is put again
    assert get("/v1/items/a%2Fb").json() == {**shown, "poster_sha256": sha}
    assert put("/v1/items/a%2Fb", json=film | {"title": "Sintel!"}).status_code == 202
    assert get("/v1/items/a%2Fb").json() == {**shown, "title": "Sintel!", "poster_sha256": sha}
    assert put("/v1/items/a%2Fb", json=film | {"poster_sha256": ""}).status_code == 202
    assert "poster_sha256" not in get("/v1/items/a%2Fb").json()

    # what services write straight to Kafka is known, too
    world.put_items([Item("direct", "Direct", text="x" * 60_000, poster_sha256=sha)])
    until(lambda: get("/v1/items/direct").status_code == 200, 30)
    assert get("/v1/items/direct/poster").content == poster

    bulk = bare.http.post(
        "/v1/items:bulk",
        json=[{"item_id": "c", "title": "C"}, {"title": "no id"}, {"item_id": "d", "title": ""}],
    )
    assert (bulk.status_code, bulk.json()["accepted"]) == (202, 1)
    assert [error["index"] for error in bulk.json()["errors"]] == [1, 2]
    assert bare.http.delete("/v1/items/c").status_code == 202
    _problem(get("/v1/items/c"), 404)

    partitions = world.settings.topics.items_partitions
    records = world.read(world.names.items, partitions)
    assert all(m.partition() == partition_of((m.key() or b"").decode(), partitions) for m in records)
    last = {m.key(): m.value() for m in records}
    assert last[b"c"] is None
    assert decode_item(last[b"a/b"] or b"").title == "Sintel"

    before = len(records)
    for body in (b"no image", b"", poster[:100], _picture("GIF"), b"\x89PNG\r\n\x1a\n" + bytes(50)):
        _problem(put("/v1/items/direct/poster", content=body), 400)
    bomb = bytearray(_picture("PNG"))
    bomb[16:24] = (30_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    assert "pixels" in _problem(put("/v1/items/direct/poster", content=bytes(bomb)), 400)["detail"]
    _problem(put("/v1/items/direct/poster", content=bytes(5 * 2**20 + 1)), 413)
    _problem(put("/v1/items/e", json={"title": "x" * 2_000_000}), 413)
    _problem(put("/v1/items/e", json={"title": "x" * 1_001}), 400)
    _problem(put("/v1/items/e", json={"title": "E", "item_id": "f"}), 400)
    _problem(put("/v1/items/e", json={"title": "E", "year": 3_000}), 400)
    _problem(put("/v1/items/e", json=["E"]), 400)
    for unsafe, field in (
        ({"title": "evil \x1b[31mred"}, "title"),
        ({"title": "bell\x07"}, "title"),
        ({"title": "E", "poster_url": "javascript:alert(1)"}, "poster_url"),
    ):
        assert _problem(put("/v1/items/e", json=unsafe), 400)["field"] == field
    assert _problem(put("/v1/items/%20", json={"title": "E"}), 400)["field"] == "item_id"
    _problem(put("/v1/items/" + "x" * 65, json={"title": "E"}), 400)
    assert len(world.read(world.names.items, partitions)) == before


def test_a_rated_film_is_gone_at_once_and_bad_lookups_are_refused(
    world: World, space: SpaceDocument, catalogue: list[Film], api: Api
) -> None:
    world.put_user(space, "u", catalogue[:5])
    first = ids(api.recommend("u", k=10))
    for item in first[:3]:
        assert (
            api.http.post("/v1/ratings", json={"user_id": "u", "item_id": item, "value": 3}).status_code
            == 202
        )
    after = ids(api.recommend("u", k=10))
    assert after[:7] == first[3:]
    assert not set(after) & set(first[:3])
    # nobody else is touched
    world.put_user(space, "v", catalogue[:5])
    assert ids(api.recommend("v", k=10)) == first

    similar = api.get("/v1/items/t:7/similar", params={"k": 5}).json()
    want = sorted(
        (f.item_id for f in catalogue if f.item_id != "t:7"),
        key=lambda i: -float(catalogue[int(i[2:])].vector @ catalogue[7].vector),
    )[:5]
    assert ids(similar) == want
    assert "no film 'none'" in _problem(api.get("/v1/items/none/similar"), 404)["detail"]
    # put a moment ago, and no worker has made a vector of it yet
    assert api.http.put("/v1/items/new", json={"title": "New"}).status_code == 202
    assert "not indexed yet" in _problem(api.get("/v1/items/new/similar"), 404)["detail"]
    for query in (
        "k=0", "k=10000", "k=x", "genre=Musical", "year_from=a", "year_from=2000&year_to=1990", "diversity=2",
        "explain=perhaps", "cursor=x", "exclude=", "exclude=%ff%00", "k=1&k=2",
    ):  # fmt: skip
        _problem(api.get(f"/v1/users/u/recommendations?{query}"), 400)
    _problem(api.get("/v1/users/u?cursor=nonsense"), 400)
    _problem(api.get("/v1/users/u?limit=0"), 400)
    _problem(api.get("/v1/items/t:7/similar?k=0"), 400)
    assert b"marquee_gateway_request_seconds" in api.get("/metrics").content


def test_without_kafka_nothing_is_acknowledged(world: World, bare: Api, kafka: KafkaBroker) -> None:
    assert bare.http.post("/v1/ratings", json=RATING).status_code == 202
    kafka.kill9()
    begun = time.monotonic()
    refused = _problem(bare.http.post("/v1/ratings", json=[RATING] * 3), 503)
    assert time.monotonic() - begun < 10
    assert refused["accepted"] == 0
    assert len(refused["errors"]) == 3
    assert bare.http.post("/v1/ratings", json=RATING).headers["retry-after"]
    _problem(bare.http.put("/v1/items/i", json={"title": "I"}), 503)
    assert bare.http.get("/readyz").status_code == 503
    assert bare.http.get("/healthz").status_code == 200
    kafka.start()
    kafka.wait_healthy()
    until(lambda: bare.http.post("/v1/ratings", json=RATING | {"user_id": "back"}).status_code == 202, 30)
    until(bare.ready, 30)
    users = [json.loads(m.value() or b"")["user_id"] for m in world.ratings()]
    assert users.count("back") == 1


def test_ratings_are_refused_when_they_may_expire_unfolded(
    settings: Settings, milvus: object, spawn: Spawn
) -> None:
    topics = TopicSettings(retention_ms=20_000)  # type: ignore[call-arg]
    world = World(settings.model_copy(update={"topics": topics}))
    api = world.start(spawn)
    assert api.http.post("/v1/ratings", json=RATING).status_code == 202
    begun = time.monotonic()

    def behind() -> bool:
        response = api.http.post("/v1/ratings", json=RATING | {"user_id": "late"})
        return response.status_code == 503 and response.headers["retry-after"] == "60"

    # there is no ledger: after 16 s (80% of retention) the first rating has waited too long
    until(behind, 30, interval_s=0.5)
    assert time.monotonic() - begun > 15
    assert api.http.put("/v1/items/i", json={"title": "I"}).status_code == 202


def test_it_finishes_what_is_in_flight_and_ends_within_three_seconds(world: World, bare: Api) -> None:
    assert bare.http.post("/v1/ratings", json=RATING).status_code == 202
    begun = time.monotonic()
    bare.process.send(signal.SIGTERM)
    assert bare.process.terminate(5) == 0
    assert time.monotonic() - begun < 3
    assert len(world.ratings()) == 1
