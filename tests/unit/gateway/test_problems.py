"""Every error becomes the right problem document, and the description tells the truth."""

from __future__ import annotations

import json

import msgspec
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from streaming.events import InvalidEventError, check_item
from streaming.gateway import openapi
from streaming.gateway.answers import Found, Recommendations, Similar
from streaming.gateway.exceptions import (
    BadRequestError,
    LedgerBehindError,
    NotAcknowledgedError,
    TooLargeError,
    UnknownItemError,
    UnsupportedMediaError,
)
from streaming.gateway.intake import Taken
from streaming.gateway.parse import item_of, rating_of
from streaming.gateway.parse_search import search_query
from streaming.gateway.problems import MEDIA_TYPE, Problem, problem_of, response
from streaming.gateway.routes import health, items, posters, ratings, recommendations, search, users
from streaming.gateway.users import User
from streaming.internal import InternalCallError, OwnerUnavailableError
from streaming.milvus.exceptions import CollectionMissingError, MilvusUnavailableError
from streaming.posters import InvalidPosterError

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadRequestError("x", "k"), 400),
        (InvalidEventError("x", "value"), 400),
        (InvalidPosterError("x"), 400),
        (UnsupportedMediaError("x"), 415),
        (TooLargeError("x"), 413),
        (UnknownItemError("x"), 404),
        (CollectionMissingError("x"), 503),
        (MilvusUnavailableError("x"), 503),
        (OwnerUnavailableError("x"), 503),
        (NotAcknowledgedError("x"), 503),
        (LedgerBehindError("x"), 503),
        (InternalCallError(400, "x"), 502),
        (HTTPException(405), 405),
        (RuntimeError("a secret"), 500),
    ],
)
def test_status_and_headers(error: Exception, status: int) -> None:
    found, headers = problem_of(error)
    assert found.status == status
    assert ("retry-after" in headers) == (status == 503)
    assert "secret" not in found.detail
    assert found.field == getattr(error, "field", None)
    answer = response(found, headers, "req-1")
    assert answer.media_type == MEDIA_TYPE
    body = json.loads(bytes(answer.body))
    assert body["status"] == answer.status_code == status
    assert body["type"].startswith("urn:marquee:problem:")
    assert (body["request_id"], bool(body["title"])) == ("req-1", True)


def test_examples_are_true() -> None:
    rating_of(json.dumps(openapi.RATING).encode(), NOW)
    check_item(item_of(json.dumps(openapi.ITEM).encode(), "ml:296")[0])
    for example, kind in (
        (openapi.RECOMMENDATIONS, Recommendations),
        (openapi.SIMILAR, Similar),
        (openapi.FOUND, Found),
        (openapi.TAKEN, Taken),
        (openapi.USER, User),
        (openapi.PROBLEM, Problem),
    ):
        decoded = msgspec.json.decode(json.dumps(example), type=kind)
        assert json.loads(msgspec.json.encode(decoded)) == example
    search_query(json.dumps(openapi.SEARCH).encode())
    (item,) = openapi.RECOMMENDATIONS["items"]
    assert sum(r["share"] for r in item["reasons"]) + item["rest"] == item["score"]


def test_every_reference_of_the_description_leads_somewhere() -> None:
    app = FastAPI()
    for noun in (recommendations, search, users, ratings, items, posters, health):
        app.include_router(noun.router)
    described = openapi.completed(app.openapi())
    schemas = described["components"]["schemas"]

    def check(node: object) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            assert reference is None or reference.rsplit("/", 1)[1] in schemas, reference
            for value in node.values():
                check(value)
        elif isinstance(node, list):
            for value in node:
                check(value)

    check(described)
    for path, methods in described["paths"].items():
        named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        for method in methods.values():
            assert named == {p["name"] for p in method.get("parameters", []) if p["in"] == "path"}
            assert path in ("/healthz", "/readyz", "/metrics") or "401" in method["responses"]
