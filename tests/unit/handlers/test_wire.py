"""Requests as strangers send them: understood, refused as a whole, or item by item."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import numpy as np
import pytest

from handlers.encoder import Encoded
from handlers.exceptions import RequestError
from handlers.items import EncodeItem
from handlers.wire import MSGPACK, decode_request, encode_answer

FILM = {"title": "Heat", "year": 1995, "genres": ["Crime"], "poster_sha256": "ab", "unheard": 1}


def msgpack(*items: Any) -> bytes:
    return msgspec.msgpack.encode({"items": list(items)})


def test_messagepack_and_json_and_parsed_json_mean_the_same() -> None:
    poster = b"\x89PNG"
    json = {"items": [{**FILM, "poster": base64.b64encode(poster).decode()}]}
    bodies = [
        decode_request(msgpack({**FILM, "poster": poster}), MSGPACK),
        decode_request(msgspec.json.encode(json), "application/json"),
        decode_request(bytearray(msgspec.json.encode(json)), None),
        decode_request(json, "application/json"),
    ]
    for request in bodies:
        assert request.items == [EncodeItem(title="Heat", year=1995, genres=("Crime",), poster=poster)]
    assert [request.msgpack for request in bodies] == [True, False, False, False]


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"not msgpack", msgpack(), msgpack(*[FILM] * 65), msgspec.msgpack.encode([FILM])],
    ids=["empty", "reserved byte", "text", "no items", "65 items", "no object"],
)
def test_what_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(RequestError):
        decode_request(body, MSGPACK)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(RequestError):
        decode_request(b'{"items":' + b"[" * 100_000, "application/json")


def test_one_bad_item_does_not_cost_the_others() -> None:
    request = decode_request(msgpack(FILM, {"title": 3}, "film", {"year": 1}, {**FILM, "year": "x"}), MSGPACK)
    assert isinstance(request.items[0], EncodeItem)
    assert all(isinstance(item, str) and "is no film" in item for item in request.items[1:])


def test_a_poster_that_is_not_base64_is_that_items_error() -> None:
    request = decode_request({"items": [{**FILM, "poster": "%%%"}, FILM]}, None)
    assert request.items[0] == "poster is not base64"
    assert isinstance(request.items[1], EncodeItem)


def test_answers_keep_their_order_and_their_kind() -> None:
    vectors = np.array([[1.5, -2.0], [0.0, 0.0]], dtype=np.float32)
    encoded = Encoded(vectors, [None, "title and text are both empty"], {"total": 1.0})
    binary = msgspec.msgpack.decode(
        encode_answer(decode_request(msgpack(FILM), MSGPACK), "p@1", "e", encoded, reads_posters=False)
    )
    assert binary["package"] == "p@1"
    assert np.frombuffer(binary["results"][0]["vector"], "<f4").tolist() == [1.5, -2.0]
    assert binary["results"][1] == {"error": "title and text are both empty"}
    text = msgspec.json.decode(
        encode_answer(decode_request({"items": [FILM]}, None), "p@1", "e", encoded, reads_posters=True)
    )
    assert (binary["reads_posters"], text["reads_posters"]) == (False, True)
    assert base64.b64decode(text["results"][0]["vector"]) == vectors[0].tobytes()
