"""A package that was trained, built and registered answers what training said, on the real TorchServe."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from deploy.stack.ports import free_ports
from streaming.encoder import (
    EncoderClient,
    EncoderManagement,
    EncoderUnavailableError,
    ModelNotFoundError,
    register_version,
    unregister_version,
)
from streaming.events import Item
from streaming.settings import Settings, TorchServeSettings
from tests.integration.encoder.tiny import NAME, VERSION, Tiny

TOLERANCE = 1e-4


def vectors(encoder: EncoderClient, items: list[Item]) -> npt.NDArray[np.float32]:
    encoded = encoder.encode(items)
    assert [one.error for one in encoded] == [None] * len(items)
    return np.stack([one.vector for one in encoded if one.vector is not None])


def distance(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    return float(np.linalg.norm(one.astype(np.float64) - other.astype(np.float64)))


def test_serving_answers_what_training_said(encoder: EncoderClient, tiny: Tiny) -> None:
    got = vectors(encoder, tiny.items)
    want = tiny.trained.vectors
    assert got.shape == want.shape
    errors = np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)
    assert errors.max() <= TOLERANCE


def test_films_asked_alone_and_together_are_the_same(encoder: EncoderClient, tiny: Tiny) -> None:
    together = vectors(encoder, tiny.items[:9])
    alone = np.concatenate([vectors(encoder, [item]) for item in tiny.items[:9]])
    assert np.allclose(together, alone, rtol=1e-4, atol=1e-6)


def test_a_bad_film_costs_no_other_its_vector(encoder: EncoderClient, tiny: Tiny) -> None:
    bad = [Item("x:1", " "), Item("x:2", "y", year=3), Item("x:3", "t" * 2_000), Item("x:4", "a\ud800"[:1])]
    mixed = [tiny.items[0], *bad, tiny.items[1]]
    encoded = encoder.encode(mixed)
    assert [one.error is None for one in encoded] == [True, False, False, False, True, True]
    assert "empty" in (encoded[1].error or "")
    good = vectors(encoder, [tiny.items[0], tiny.items[1]])
    assert encoded[0].vector is not None
    assert distance(encoded[0].vector, good[0]) <= 1e-5


def test_editing_a_text_moves_a_rated_film_only_by_its_share_of_content(
    encoder: EncoderClient, tiny: Tiny
) -> None:
    table = tiny.trained.table
    item = tiny.items[0]
    a = float(table.weights[table.item_ids.index(item.item_id)])
    edited = msgspec.structs.replace(
        item, text="Something else entirely: a cooking show.", genres=("Horror",)
    )
    stranger, stranger_edited = (msgspec.structs.replace(i, item_id="other:1") for i in (item, edited))
    before, after, content, content_after = vectors(encoder, [item, edited, stranger, stranger_edited])
    assert distance(content, content_after) > 0
    assert distance(before, after) == pytest.approx((1 - a) * distance(content, content_after), rel=1e-2)


def test_a_foreign_catalogue_under_the_same_ids_gets_no_rows(encoder: EncoderClient, tiny: Tiny) -> None:
    foreign = [Item(item.item_id, f"Foreign {i}", 2001) for i, item in enumerate(tiny.items[:5])]
    nameless = [msgspec.structs.replace(item, item_id="") for item in foreign]
    assert np.allclose(vectors(encoder, foreign), vectors(encoder, nameless), rtol=1e-4, atol=1e-6)


def post(settings: Settings, body: bytes, kind: str) -> httpx.Response:
    url = f"{settings.torchserve.inference_url}/predictions/{NAME}/{VERSION}"
    return httpx.post(url, content=body, headers={"content-type": kind}, timeout=30)


def test_json_gives_the_same_vector(encoder: EncoderClient, serving: Settings, tiny: Tiny) -> None:
    film = msgspec.to_builtins(tiny.items[3])
    answer = post(serving, msgspec.json.encode({"items": [film, {"year": 1}]}), "application/json")
    assert answer.status_code == 200
    body = answer.json()
    assert body["package"] == f"{NAME}@{VERSION}"
    assert body["engine"] in ("onnxruntime", "onnxruntime-int8", "eager")
    vector = np.frombuffer(base64.b64decode(body["results"][0]["vector"]), "<f4")
    assert np.allclose(vector, vectors(encoder, [tiny.items[3]])[0], rtol=1e-4, atol=1e-6)
    assert "error" in body["results"][1]


@pytest.mark.usefixtures("encoder")
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xc1\xc1", "application/msgpack"),
        (msgspec.msgpack.encode({"items": []}), "application/msgpack"),
        (msgspec.msgpack.encode({"items": [{"title": "x"}] * 65}), "application/msgpack"),
        (b'{"films": []}', "application/json"),
    ],
    ids=["no MessagePack", "no items", "65 items", "no field items"],
)
def test_a_wrong_request_is_refused_with_a_reason(body: bytes, kind: str, serving: Settings) -> None:
    answer = post(serving, body, kind)
    assert answer.status_code == 400
    assert len(answer.content) > 10


def test_many_at_once_each_get_their_own(encoder: EncoderClient, tiny: Tiny) -> None:
    want = tiny.trained.vectors
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda i: vectors(encoder, [tiny.items[i]])[0], range(24)))
    for i in range(24):
        assert distance(parts[i], want[i]) <= TOLERANCE * np.linalg.norm(want[i])


def test_an_unknown_version_and_an_absent_server_are_told_apart(
    serving: Settings, encoder: EncoderClient
) -> None:
    assert encoder.ready()
    with EncoderClient(serving, "99", NAME) as unknown:
        assert not unknown.ready()
        with pytest.raises(ModelNotFoundError):
            unknown.encode([Item("x:1", "Film")])
    (port,) = free_ports(1)
    away = TorchServeSettings(inference_url=f"http://127.0.0.1:{port}")  # type: ignore[call-arg]
    with EncoderClient(serving.model_copy(update={"torchserve": away}), VERSION, NAME) as absent:
        assert not absent.ready()
        with pytest.raises(EncoderUnavailableError):
            absent.encode([Item("x:1", "Film")])


def test_registering_is_idempotent_and_unregistering_drains(
    serving: Settings, encoder: EncoderClient, tiny: Tiny
) -> None:
    management = EncoderManagement(serving, NAME)
    register_version(serving, tiny.package.archive, NAME, VERSION)
    assert management.versions() == [VERSION]
    management.scale(VERSION, 2)
    register_version(serving, tiny.package.archive, NAME, VERSION)
    assert (management.describe(VERSION) or {})["minWorkers"] == 2, "what somebody scaled up stays so"
    management.scale(VERSION, 1)
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(encoder.encode, tiny.items) for _ in range(6)]
        while not any(one.running() for one in asked):
            pass
        unregister_version(serving, NAME, VERSION)
        for one in asked:
            try:
                assert all(encoded.vector is not None for encoded in one.result())
            except ModelNotFoundError:
                # asked after the version was gone: told so, and not a vector lost without a word
                continue
    assert management.describe(VERSION) is None
    assert management.versions() == []
    unregister_version(serving, NAME, VERSION)
    register_version(serving, tiny.package.archive, NAME, VERSION)
    assert encoder.ready()
    management.close()
