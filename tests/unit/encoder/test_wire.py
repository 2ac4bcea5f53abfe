"""What goes to the item encoder and what comes back."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.encoder import EncoderUnavailableError
from streaming.encoder.wire import MAX_BYTES, decode_answer, encode_request, slices
from streaming.events import Item

FILM = Item(item_id="ml:1", title="Heat", year=1995, genres=("Crime",))


def answer(*results: dict[str, object]) -> bytes:
    return msgspec.msgpack.encode(
        {"package": "p@1", "engine": "e", "timings_ms": {}, "results": list(results)}
    )


@given(st.lists(st.integers(0, 3_000_000), max_size=30), st.integers(1, 64))
def test_requests_hold_every_film_once_and_keep_their_limits(sizes: list[int], most: int) -> None:
    items, posters = [FILM] * len(sizes), [b"\0" * size for size in sizes]
    parts = list(slices(items, posters, most))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(len(sizes)))
    for part in parts:
        size = sum(sizes[part])
        assert part.stop - part.start <= most
        assert part.stop - part.start == 1 or size <= MAX_BYTES


def test_a_request_carries_fields_and_poster_bytes() -> None:
    (row, bare) = msgspec.msgpack.decode(encode_request([FILM, FILM], [b"\x89", None]))["items"]
    assert row == {"item_id": "ml:1", "title": "Heat", "year": 1995, "genres": ["Crime"], "poster": b"\x89"}
    assert "poster" not in bare
    assert "query" not in bare
    (asked,) = msgspec.msgpack.decode(encode_request([FILM], [None], queries=True))["items"]
    assert asked == {**bare, "query": True}


def test_answers_are_vectors_or_reasons() -> None:
    vector = np.array([1.5, -2], dtype="<f4")
    package, (good, bad) = decode_answer(answer({"vector": vector.tobytes()}, {"error": "no title"}), 2)
    assert package == "p@1"
    assert good.vector is not None
    assert good.vector.tolist() == [1.5, -2]
    assert bad.vector is None
    assert bad.error == "no title"


def test_an_answer_may_say_whether_posters_are_read() -> None:
    body = msgspec.msgpack.decode(answer({"vector": b""}))
    for said in (True, False):
        (encoded,) = decode_answer(msgspec.msgpack.encode(body | {"reads_posters": said}), 1)[1]
        assert encoded.reads_posters is said
    assert decode_answer(msgspec.msgpack.encode(body), 1)[1][0].reads_posters is None, "of an older handler"


@pytest.mark.parametrize(
    "vector", [b"\0\0\0", np.array([np.nan], "<f4").tobytes(), np.array([np.inf], "<f4").tobytes()]
)
def test_a_torn_or_infinite_vector_is_an_error(vector: bytes) -> None:
    (encoded,) = decode_answer(answer({"vector": vector}), 1)[1]
    assert encoded.vector is None
    assert encoded.error


@pytest.mark.parametrize("body", [b"", b"<html>", answer(), msgspec.msgpack.encode({"error": "x"})])
def test_what_is_no_answer_may_be_asked_again(body: bytes) -> None:
    with pytest.raises(EncoderUnavailableError):
        decode_answer(body, 1)
