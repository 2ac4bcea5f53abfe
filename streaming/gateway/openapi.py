"""What ``/openapi.json`` says of each route, beyond its docstring: parameters, bodies, answers, examples.

Routes parse by themselves (msgspec), so FastAPI cannot know; a test holds that every example is true.
"""

from __future__ import annotations

from typing import Any

import msgspec

from streaming.events.feedback import Feedback
from streaming.gateway.answers import Found, Recommendations, Similar
from streaming.gateway.intake import Taken
from streaming.gateway.parse import MAX_EXCLUDED, MAX_K, MAX_ROWS, ItemBody, RatingBody
from streaming.gateway.parse_search import MAX_TEXT
from streaming.gateway.problems import MEDIA_TYPE, Problem
from streaming.gateway.query import SearchQuery
from streaming.gateway.users import User

DESCRIPTION = (
    "Ratings and films in, recommendations out. Every error is a problem document (RFC 9457). Send the API "
    "key as `X-API-Key` or `Authorization: Bearer`. A slash within an id is written `%2F`."
)
TYPES = (
    RatingBody,
    ItemBody,
    Feedback,
    SearchQuery,
    Taken,
    Recommendations,
    Similar,
    Found,
    User,
    Problem,
)
_REF = "#/components/schemas/{name}"

RATING = {"user_id": "1", "item_id": "ml:296", "value": 4.5, "event_time": "2026-01-01T00:00:00Z"}
ITEM = {
    "title": "Pulp Fiction",
    "year": 1994,
    "genres": ["Crime", "Drama"],
    "text": "Two hit men, a boxer and a pair of bandits meet.",
}
_RECOMMENDED = {
    "item_id": "ml:593",
    "title": "Silence of the Lambs, The",
    "score": 0.5,
    "year": 1991,
    "genres": ["Crime", "Thriller"],
}
RECOMMENDATIONS: dict[str, Any] = {
    "recommendation_id": "6f1c9a0b8d7e4c2f9a3b5d6e7f801234",
    "user_id": "1",
    "space": "item-encoder-1-mean-a1b2c3",
    "package": "item-encoder@1",
    "source": "profile",
    "revision": 1234,
    "reranked": True,
    "items": [
        _RECOMMENDED
        | {"reasons": [{"item_id": "ml:296", "title": "Pulp Fiction", "share": 0.2}], "rest": 0.3}
    ],
}
FEEDBACK = {"recommendation_id": RECOMMENDATIONS["recommendation_id"], "item_id": "ml:593", "kind": "click"}
SIMILAR = {"item_id": "ml:296", "space": "item-encoder-1-mean-a1b2c3", "items": [_RECOMMENDED]}
SEARCH = {"text": "samurai defend a village from bandits", "k": 5, "genre": "Drama"}
FOUND = {
    "space": "item-encoder-1-mean-a1b2c3",
    "titled": 0,
    "items": [_RECOMMENDED],
    "poster_passed_over": False,
}
TAKEN = {
    "accepted": 1,
    "rejected": 1,
    "errors": [{"index": 1, "detail": "value must be from 0.5 to 5.0", "field": "value"}],
}
USER = {
    "user_id": "1",
    "revision": 1234,
    "rated": 1,
    "liked": 1,
    "taken_back": 0,
    "ratings": [
        {
            "item_id": "ml:296",
            "title": "Pulp Fiction",
            "value": 4.5,
            "event_time": "2026-01-01T00:00:00Z",
            "liked": True,
        }
    ],
    "next_cursor": None,
    "profile": {
        "space": "item-encoder-1-mean-a1b2c3",
        "revision": 1234,
        "liked": 1,
        "rated": 1,
        "fresh": True,
    },
}
PROBLEM = {
    "type": "urn:marquee:problem:bad-request",
    "title": "Bad Request",
    "status": 400,
    "detail": "k must be a whole number from 1 to 1000",
    "field": "k",
    "request_id": "0f8fad5bd9cb469fa16570867728950e",
}
_ERRORS = {
    400: "It can never be answered as it is",
    401: "The API key is missing or not known",
    413: "The body is too large",
    429: "Too many requests for this key",
    503: "Not now; `Retry-After` says when to try again",
}


def _route(
    ok: int,
    text: str,
    schema: str | None,
    example: Any,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    missing: str | None = None,
) -> dict[str, Any]:
    """Keyword arguments of a route decorator."""
    content: dict[str, Any] = {}
    if example is not None:
        content["example"] = example
    if schema is not None:
        content["schema"] = {"$ref": _REF.format(name=schema)}
    responses: dict[int | str, Any] = {ok: {"description": text, "content": {"application/json": content}}}
    errors = _ERRORS | ({404: missing} if missing else {})
    if body is not None:
        errors = errors | {415: "The body is of a kind that is not taken here"}
    for status, meaning in errors.items():
        shape = {"schema": {"$ref": _REF.format(name="Problem")}}
        if status == 400:
            shape["example"] = PROBLEM  # type: ignore[assignment]
        responses[status] = {"description": meaning, "content": {MEDIA_TYPE: shape}}
    extra: dict[str, Any] = {"parameters": parameters or [], "security": [{"key": []}, {"bearer": []}]}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": body}
    return {"response_model": None, "status_code": ok, "responses": responses, "openapi_extra": extra}


def _path(name: str) -> dict[str, Any]:
    text = "1 to 64 bytes of UTF-8 without control characters"
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {"type": "string"},
        "example": "1" if name == "user_id" else "ml:296",
    }


def _query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema}


_K = _query("k", {"type": "integer", "minimum": 1, "maximum": MAX_K, "default": 10}, "How many films")
_AT = _query("event_time", {"type": "string", "format": "date-time"}, "When it was done; now unless given")
_YEAR = {"type": "integer"}
_USER, _ITEM = _path("user_id"), _path("item_id")


def _bulk(one: str, name: str, example: Any) -> dict[str, Any]:
    row = {"$ref": _REF.format(name=one)}
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
    shapes = [row, rows, {"type": "object", "properties": {name: rows}, "required": [name]}]
    examples = {"one": {"value": example}, "many": {"value": {name: [example]}}}
    return {"application/json": {"schema": {"oneOf": shapes}, "examples": examples}}


_TAKEN = "Stored on all in-sync replicas; the rows listed as errors were not taken"

POST_RATINGS = _route(202, _TAKEN, "Taken", TAKEN, body=_bulk("RatingBody", "ratings", RATING))
POST_EVENTS = _route(202, _TAKEN, "Taken", TAKEN, body=_bulk("Feedback", "events", FEEDBACK))
DELETE_RATING = _route(
    202, _TAKEN, "Taken", {"accepted": 1, "rejected": 0, "errors": []}, [_USER, _ITEM, _AT]
)
DELETE_USER = _route(202, _TAKEN, "Taken", {"accepted": 1, "rejected": 0, "errors": []}, [_USER, _AT])
GET_RECOMMENDATIONS = _route(
    200,
    "Best first",
    "Recommendations",
    RECOMMENDATIONS,
    [
        _USER,
        _K,
        _query("genre", {"type": "string"}, "Only films of this genre; case does not count"),
        _query("year_from", _YEAR, "Only films from this year on"),
        _query("year_to", _YEAR, "Only films up to this year"),
        _query(
            "exclude",
            {"type": "array", "items": {"type": "string"}, "maxItems": MAX_EXCLUDED},
            "Films to leave out; may be given many times",
        ),
        _query(
            "diversity",
            {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
            "0 keeps the order of the scores, 1 looks at nothing but unlikeness",
        ),
        _query("explain", {"type": "boolean", "default": False}, "Whether each film names its reasons"),
    ],
)
_FORM = {
    "schema": {
        "type": "object",
        "properties": {
            "text": {"type": "string", "maxLength": MAX_TEXT},
            "poster": {"type": "string", "format": "binary"},
            "k": {"type": "integer", "minimum": 1, "maximum": MAX_K, "default": 10},
            "genre": {"type": "string"},
            "year_from": _YEAR,
            "year_to": _YEAR,
        },
    }
}
_SEARCH = {"schema": {"$ref": _REF.format(name="SearchQuery")}, "example": SEARCH}
POST_SEARCH = _route(
    200,
    "Most alike first",
    "Found",
    FOUND,
    body={"application/json": _SEARCH, "multipart/form-data": _FORM},
)
GET_USER = _route(
    200,
    "The user",
    "User",
    USER,
    [
        _USER,
        _query("limit", {"type": "integer", "minimum": 1}, "Ratings in one answer; all unless given"),
        _query("cursor", {"type": "string"}, "`next_cursor` of the answer before"),
    ],
    missing="Nobody of this id has rated anything",
)
GET_ITEM = _route(
    200,
    "The film",
    None,
    {"item_id": "ml:296", **ITEM, "indexed": True, "space": "item-encoder-1-mean-a1b2c3", "likes": 120},
    [_ITEM],
    missing="No such film",
)
GET_SIMILAR = _route(200, "Best first", "Similar", SIMILAR, [_ITEM, _K], missing="No such film")
GET_GENRES = _route(200, "Genre -> films", None, {"genres": {"Crime": 1199, "Drama": 4361}})
PUT_ITEM = _route(
    202,
    _TAKEN,
    "Taken",
    {"accepted": 1, "rejected": 0, "errors": []},
    [_ITEM],
    {"application/json": {"schema": {"$ref": _REF.format(name="ItemBody")}, "example": ITEM}},
)
POST_ITEMS = _route(
    202, _TAKEN, "Taken", TAKEN, body=_bulk("ItemBody", "items", {"item_id": "ml:296", **ITEM})
)
DELETE_ITEM = _route(202, _TAKEN, "Taken", {"accepted": 1, "rejected": 0, "errors": []}, [_ITEM])
_PICTURE = {"schema": {"type": "string", "format": "binary"}}
PUT_POSTER = _route(
    202,
    "Stored, and the film put again with it",
    None,
    {"item_id": "ml:296", "poster_sha256": "0" * 64},
    [_ITEM],
    {"image/*": _PICTURE, "application/octet-stream": _PICTURE},
    missing="No such film",
)
GET_POSTER = _route(
    200, "The picture", None, None, [_ITEM], missing="No such film, or it has no uploaded poster"
)
GET_POSTER["responses"][200]["content"] = {"image/*": _PICTURE}


def _open(text: str, example: Any) -> dict[str, Any]:
    content = {"application/json": {"example": example}}
    return {"response_model": None, "responses": {200: {"description": text, "content": content}}}


HEALTHZ = _open("It answers", {"status": "ok"})
READYZ = _open("Ready; 503 names what is missing", {"status": "ready", "checks": {"kafka": True}})
METRICS: dict[str, Any] = {
    "response_model": None,
    "responses": {200: {"description": "Prometheus text", "content": {"text/plain": {}}}},
}


def completed(described: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's description with our schemas and keys; changes and returns it."""
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=_REF)
    components = described.setdefault("components", {})
    components["schemas"] = schemas
    components["securitySchemes"] = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    return described
