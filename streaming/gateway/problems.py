"""Errors as problem documents (RFC 9457): what every refusal looks like. Pure."""

from __future__ import annotations

import http
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from streaming.events import InvalidEventError
from streaming.exceptions import NotFoundError, UnavailableError
from streaming.gateway.exceptions import (
    BadRequestError,
    LedgerBehindError,
    NothingTakenError,
    TooLargeError,
    UnsupportedMediaError,
)
from streaming.internal import InternalCallError
from streaming.milvus.exceptions import CollectionMissingError
from streaming.posters import InvalidPosterError

MEDIA_TYPE = "application/problem+json"
RETRY_S = 2
RETRY_BEHIND_S = 60


class RowError(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one row of a bulk."""

    index: int
    detail: str
    field: str | None = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str = ""
    field: str | None = None
    request_id: str = ""
    accepted: int | None = None
    errors: tuple[RowError, ...] = ()


def problem(status: int, detail: str, **extensions: Any) -> Problem:
    """A problem of this HTTP status; its type is named for the status."""
    phrase = "Too Many Requests" if status == 429 else http.HTTPStatus(status).phrase
    slug = phrase.lower().replace(" ", "-").replace("'", "")
    return Problem(
        type=f"urn:marquee:problem:{slug}", title=phrase, status=status, detail=detail, **extensions
    )


def problem_of(error: Exception) -> tuple[Problem, dict[str, str]]:
    """The problem that tells of ``error``, and headers that go with it.

    An error nobody expected says nothing of itself; it is logged under the request's id.
    """
    if isinstance(error, UnsupportedMediaError):
        return problem(415, str(error)), {}
    if isinstance(error, NothingTakenError):
        rows = tuple(RowError(index, row.reason, row.field) for index, row in enumerate(error.errors))
        return problem(400, str(error), accepted=0, errors=rows), {}
    if isinstance(error, (BadRequestError, InvalidEventError)):
        return problem(400, str(error), field=error.field), {}
    if isinstance(error, InvalidPosterError):
        return problem(400, f"the body is no poster: {error}"), {}
    if isinstance(error, TooLargeError):
        return problem(413, str(error)), {"connection": "close"}
    if isinstance(error, LedgerBehindError):
        return problem(503, str(error)), {"retry-after": str(RETRY_BEHIND_S)}
    if isinstance(error, (UnavailableError, CollectionMissingError)):
        return problem(503, str(error)), {"retry-after": str(RETRY_S)}
    if isinstance(error, NotFoundError):
        return problem(404, str(error)), {}
    if isinstance(error, InternalCallError):
        return problem(502, str(error)), {}
    if isinstance(error, HTTPException):
        return problem(error.status_code, error.detail), dict(error.headers or {})
    return problem(500, "something unexpected happened; the log has it under this request id"), {}


def response(found: Problem, headers: dict[str, str] | None = None, request_id: str = "") -> Response:
    """The problem as an HTTP response."""
    if request_id:
        found = msgspec.structs.replace(found, request_id=request_id)
    return Response(
        msgspec.json.encode(found), status_code=found.status, headers=headers, media_type=MEDIA_TYPE
    )
