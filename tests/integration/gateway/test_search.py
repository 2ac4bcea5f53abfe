"""Searches through a real TorchServe, against likeness computed here; and what happens without one."""

from __future__ import annotations

import socket
import time
from typing import Any

import httpx
import numpy as np
import pytest

from deploy.stack.torchserve import TorchServe
from streaming.encoder import EncoderClient, register_version
from streaming.events import Item
from streaming.posters import MAX_POSTER_BYTES
from tests.integration.conftest import Spawn
from tests.integration.encoder.tiny import NAME, VERSION, Tiny, tiny_package
from tests.integration.gateway.world import Api, Film, World, ids
from trainer.data import poster_frames

TEXT = "a robot in the harbour"


@pytest.fixture
def tiny(world: World, torchserve: TorchServe) -> Tiny:
    made = tiny_package(torchserve.models)
    register_version(world.settings, made.package.archive, NAME, VERSION)
    return made


def films_of(tiny: Tiny) -> list[Film]:
    vectors = dict(zip(tiny.trained.item_ids, tiny.trained.vectors, strict=True))
    return [Film(i.item_id, vectors[i.item_id], i.title, i.year, i.genres) for i in tiny.items]


@pytest.fixture
def api(world: World, tiny: Tiny, spawn: Spawn) -> Api:
    space = world.space(package=NAME)
    world.put_films(space, films_of(tiny))
    world.route(space)
    return world.start(spawn)


def search(api: Api, **body: Any) -> Any:
    response = api.http.post("/v1/search", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def expected(world: World, tiny: Tiny, text: str, genre: str | None = None) -> list[tuple[str, float]]:
    with EncoderClient(world.settings, VERSION, NAME) as client:
        (encoded,) = client.encode([Item("", text)], queries=True)
        (film,) = client.encode([Item("", text)])
    assert encoded.vector is not None
    assert film.vector is not None
    assert not np.allclose(encoded.vector, film.vector, atol=1e-3)
    asked = encoded.vector.astype(np.float64)
    films = [film for film in films_of(tiny) if genre is None or genre in film.genres]
    scored = [
        (f.item_id, float(f.vector @ asked / np.linalg.norm(f.vector) ** 0.5 / np.linalg.norm(asked)))
        for f in films
    ]
    return sorted(scored, key=lambda entry: -entry[1])


def test_films_most_like_a_text_come_first(world: World, tiny: Tiny, api: Api) -> None:
    want = expected(world, tiny, TEXT)
    answer = search(api, text=TEXT, k=10)
    assert ids(answer) == [item for item, _ in want[:10]]
    scores = [item["score"] for item in answer["items"]]
    np.testing.assert_allclose(scores, [score for _, score in want[:10]], atol=1e-4)
    assert answer["space"] in world.spaces
    assert answer["titled"] == 0
    title = films_of(tiny)[20].title
    found = search(api, text=title.upper() + "!", k=3)
    assert (ids(found)[0], found["titled"]) == (films_of(tiny)[20].item_id, 1)
    genre = next(g for film in tiny.items for g in film.genres)
    horrors = expected(world, tiny, TEXT, genre)
    for spelled in (genre, genre.lower()):
        assert ids(search(api, text=TEXT, k=3, genre=spelled)) == [item for item, _ in horrors[:3]]
    # a re-ranker that was trained, packaged and built came with the encoder
    assert tiny.trained.reranker is not None
    assert tiny.trained.reranker.model is not None, tiny.trained.reranker.says
    (space,) = world.spaces.values()
    world.put_user(space, "u", films_of(tiny)[:5])
    assert api.recommend("u", k=3)["reranked"]
    years = search(api, text=TEXT, k=100, year_from=1960, year_to=1965)
    assert {item["year"] for item in years["items"]} == set(range(1960, 1966))


def test_a_form_may_hold_a_poster(api: Api) -> None:
    frame = poster_frames()[0].read_bytes()
    form = {"text": TEXT, "k": "3"}
    response = api.http.post("/v1/search", data=form, files={"poster": ("p.jpg", frame)})
    assert response.status_code == 200, response.text
    assert len(response.json()["items"]) == 3
    # this encoder reads no posters, and the answer says that it was asked with one
    assert response.json()["poster_passed_over"] is True
    # a form without a file is a search by its text alone
    plain = api.http.post("/v1/search", files={"text": (None, TEXT), "k": (None, "3")})
    assert ids(plain.json()) == ids(search(api, text=TEXT, k=3))
    assert plain.json()["poster_passed_over"] is False
    alone = api.http.post("/v1/search", files={"poster": ("p.jpg", frame)})
    assert (alone.status_code, alone.headers["content-type"]) == (400, "application/problem+json"), alone.text
    assert "this encoder reads no posters" in alone.json()["detail"]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"json": {}}, 400, "nothing to search for"),
    ({"json": {"text": "  "}}, 400, "nothing to search for"),
    ({"json": {"text": 5}}, 400, "text must be a string, not a whole number"),
    ({"json": {"text": "a", "limit": 5}}, 400, "limit is not a known field"),
    ({"json": {"text": "a", "k": 0}}, 400, "k must be"),
    ({"json": {"text": "a", "k": 1_001}}, 400, "k must be"),
    ({"json": {"text": "a" * 2_001}}, 400, "more than 2000 characters"),
    ({"json": {"text": "a", "genre": "Nonsense"}}, 400, "unknown genre"),
    ({"json": {"text": "a", "year_from": 1990, "year_to": 1980}}, 400, "after year_to"),
    ({"content": b"[", "headers": {"content-type": "application/json"}}, 400, "cannot be decoded"),
    ({"content": b"a", "headers": {"content-type": "text/plain"}}, 415, "send application/json"),
    ({"content": b"\xff\xfe", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, ""),
    ({"content": b"a", "headers": {"content-type": "multipart/form-data"}}, 400, ""),
    ({"files": {"poster": ("p.jpg", b"no picture")}}, 400, "no poster"),
    ({"files": {"picture": ("p.jpg", b"no picture")}}, 400, "the only file"),
    ({"files": {"poster": ("p.jpg", bytes(MAX_POSTER_BYTES + 1))}}, 413, "holds more than"),
    ({"files": {"poster": ("p.jpg", bytes(MAX_POSTER_BYTES + 100_000))}}, 413, "holds more than"),
    ({"data": {"text": "a", "k": "x"}, "files": {"poster": ("p", b"")}}, 400, "k must be"),
    ({"data": {"text": "a", "b": "x"}, "files": {"poster": ("p", b"")}}, 400, "unknown parameter"),
]


def test_bad_searches_are_refused_and_say_why(api: Api) -> None:
    for request, status, why in REFUSED:
        response = api.http.post("/v1/search", **request)
        assert response.status_code == status, (request, response.text)
        assert response.headers["content-type"] == "application/problem+json"
        assert why in response.json()["detail"], response.text
    assert search(api, text=TEXT)["items"]


def test_without_the_encoder_searches_wait_no_longer_than_they_may_and_lookups_go_on(
    world: World, tiny: Tiny, spawn: Spawn
) -> None:
    known, unknown = world.space(package=NAME), world.space(package="never-registered")
    for space in (known, unknown):
        world.put_films(space, films_of(tiny))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # it takes connections and never answers, as a TorchServe that hangs
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        here = world.settings
        hanging = here.torchserve.model_copy(update={"inference_url": url})
        world.route(unknown)
        api = world.start(spawn, "1", search_timeout_s=1.0)
        refused = api.http.post("/v1/search", json={"text": TEXT})
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True), refused.text
        assert "never-registered" in refused.json()["detail"]

        world.settings = here.model_copy(update={"torchserve": hanging})
        world.route(known)
        api = world.start(spawn, "2", search_timeout_s=1.0)
        began = time.monotonic()
        late = api.http.post("/v1/search", json={"text": TEXT}, timeout=httpx.Timeout(30))
        assert (late.status_code, late.headers["retry-after"]) == (503, "2"), late.text
        assert time.monotonic() - began < 15, "on a busy machine too: a second, not the indexer's minute"
        assert api.recommend("nobody", k=3)["items"]
    gone = api.http.post("/v1/search", json={"text": TEXT})
    assert gone.status_code == 503, gone.text
    assert "does not answer" in gone.json()["detail"]
