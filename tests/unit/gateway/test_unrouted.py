"""A wrong path or method is told what would be right."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request

from streaming.gateway.routes import items, posters, recommendations
from streaming.gateway.unrouted import unrouted


@pytest.fixture(scope="module")
def app() -> FastAPI:
    made = FastAPI()
    for noun in (items, posters, recommendations):
        made.include_router(noun.router)
    return made


def told(app: FastAPI, method: str, path: str) -> tuple[int, str, dict[str, str]]:
    """What the router raises for such a request, and what is said of it."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "app": app,
        "state": SimpleNamespace(),
    }

    async def nothing(*_: object) -> None: ...

    with pytest.raises(HTTPException) as raised:
        asyncio.run(app.router(scope, nothing, nothing))  # type: ignore[arg-type]
    return (raised.value.status_code, *unrouted(Request(scope), raised.value))


def test_a_path_that_is_not_there_is_named(app: FastAPI) -> None:
    status, detail, _ = told(app, "GET", "/v1/movies/1")
    assert (status, detail) == (404, "there is no /v1/movies/1; /openapi.json and /docs name every path")
    assert len(told(app, "GET", "/" + "x" * 5_000)[1]) < 300


def test_all_methods_of_a_path_are_named(app: FastAPI) -> None:
    status, detail, headers = told(app, "POST", "/v1/items/ml%3A1")
    assert (status, headers) == (405, {"allow": "GET, PUT, DELETE"})
    assert detail == "/v1/items/ml%3A1 takes GET and PUT and DELETE, not POST; see /openapi.json or /docs"
    assert told(app, "DELETE", "/v1/users/1/recommendations")[2] == {"allow": "GET"}
