"""What strangers send costs them an error of their own, and nobody else in the batch anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from deploy.stack.torchserve import TorchServe
from handlers.item_encoder import ItemEncoderHandler
from tests.integration.encoder.tiny import Tiny, tiny_package
from tests.integration.handlers.context import Context

MSGPACK = "application/msgpack"
GOOD: dict[str, Any] = {"title": "Winter Harbour", "year": 1987, "genres": ["Drama"]}

BAD_ITEMS: dict[str, tuple[Any, str]] = {
    "all empty": ({}, "is no film"),
    "empty strings": ({"title": "", "text": ""}, "empty"),
    "blank": ({"title": " \t", "text": "\n"}, "empty"),
    "1 MB of text": ({"title": "x", "text": "y" * 1_000_000}, "text is longer"),
    "1 MB of title": ({"title": "y" * 1_000_000}, "title is longer"),
    "a number": (7, "is no film"),
    "null": (None, "is no film"),
    "a list": ([1, 2], "is no film"),
    "title of another type": ({"title": 3}, "is no film"),
    "genres of another type": ({"title": "x", "genres": "Drama"}, "is no film"),
    "year of another type": ({"title": "x", "year": "1987"}, "is no film"),
    "year NaN": ({"title": "x", "year": float("nan")}, "is no film"),
    "year out of reach": ({"title": "x", "year": 10**18}, "no year"),
    "poster of another type": ({"title": "x", "poster": 5}, "is no film"),
}
BAD_BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "cannot be understood"),
    "no MessagePack": (b"\xc1\xc1\xc1", "cannot be understood"),
    "cut off": (msgspec.msgpack.encode({"items": [GOOD]})[:-3], "cannot be understood"),
    "no items": (msgspec.msgpack.encode({"items": []}), "1 to 64 items"),
    "65 items": (msgspec.msgpack.encode({"items": [GOOD] * 65}), "1 to 64 items"),
    "another field": (msgspec.msgpack.encode({"films": [GOOD]}), "cannot be understood"),
    "a bare list": (msgspec.msgpack.encode([GOOD]), "cannot be understood"),
    "vectors instead of films": (msgspec.msgpack.encode({"items": [float("nan")] * 65}), "1 to 64 items"),
    "deeply nested": (b"\x91" * 100_000, "cannot be understood"),
}


@pytest.fixture(scope="module")
def handler(torchserve_service: TorchServe) -> ItemEncoderHandler:
    tiny: Tiny = tiny_package(torchserve_service.models)
    made = ItemEncoderHandler()
    made.initialize(Context(tiny.package.path, []))
    return made


def ask(handler: ItemEncoderHandler, bodies: list[bytes]) -> tuple[list[Any], Context]:
    context = Context(Path(), [MSGPACK] * len(bodies))
    answers = handler.handle([{"body": body} for body in bodies], context)
    return [msgspec.msgpack.decode(answer) for answer in answers], context


def vector(result: dict[str, Any]) -> np.ndarray[Any, Any]:
    assert list(result) == ["vector"], result
    return np.frombuffer(result["vector"], "<f4")


@pytest.fixture(scope="module")
def want(handler: ItemEncoderHandler) -> np.ndarray[Any, Any]:
    (answer,), _ = ask(handler, [msgspec.msgpack.encode({"items": [GOOD]})])
    return vector(answer["results"][0])


@pytest.mark.parametrize("name", sorted(BAD_ITEMS))
def test_a_bad_item_gets_its_reason_and_the_others_their_vectors(
    name: str, handler: ItemEncoderHandler, want: np.ndarray[Any, Any]
) -> None:
    item, reason = BAD_ITEMS[name]
    (answer,), context = ask(handler, [msgspec.msgpack.encode({"items": [GOOD, item, GOOD]})])
    first, bad, last = answer["results"]
    assert context.status == {}
    assert list(bad) == ["error"]
    assert reason in bad["error"]
    assert len(bad["error"]) < 1_000, "an error repeats what was sent"
    for result in (first, last):
        assert np.allclose(vector(result), want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", sorted(BAD_BODIES))
def test_a_bad_request_gets_400_and_its_batch_the_answers(
    name: str, handler: ItemEncoderHandler, want: np.ndarray[Any, Any]
) -> None:
    body, reason = BAD_BODIES[name]
    good = msgspec.msgpack.encode({"items": [GOOD]})
    (first, bad, last), context = ask(handler, [good, body, good])
    assert context.status == {1: (400, "Bad Request")}
    assert reason in bad["error"]
    for answer in (first, last):
        assert np.allclose(vector(answer["results"][0]), want, rtol=1e-4, atol=1e-6)


def test_a_batch_of_nothing_but_bad_items_is_answered(handler: ItemEncoderHandler) -> None:
    empty = msgspec.msgpack.encode({"items": [{"title": ""}] * 64})
    answers, context = ask(handler, [empty, msgspec.msgpack.encode({"items": [None]})])
    assert context.status == {}
    assert [len(answer["results"]) for answer in answers] == [64, 1]
    assert all(list(result) == ["error"] for answer in answers for result in answer["results"])


def test_64_items_are_a_request(handler: ItemEncoderHandler, want: np.ndarray[Any, Any]) -> None:
    (answer,), context = ask(handler, [msgspec.msgpack.encode({"items": [GOOD] * 64})])
    assert context.status == {}
    for result in answer["results"]:
        assert np.allclose(vector(result), want, rtol=1e-4, atol=1e-6)
    assert len(answer["results"]) == 64
