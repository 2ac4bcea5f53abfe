"""What routes share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from streaming.gateway.exceptions import BadRequestError
from streaming.gateway.front import Front
from streaming.gateway.intake import Intake, Taken
from streaming.gateway.parse import path_id, require_json, single
from streaming.gateway.state import GatewayState
from streaming.gateway.users import Users

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Desk:
    """What a request can ask: made once, at the start of the process."""

    state: GatewayState
    front: Front
    intake: Intake
    users: Users

    async def blocking(self, call: Callable[..., T], *arguments: Any, pool: Executor | None = None) -> T:
        """``call`` on a thread, so that the loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(pool or self.state.pool, call, *arguments)


def desk(request: Request) -> Desk:
    """The process's desk."""
    found: Desk = request.app.state.desk
    return found


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """``body`` as JSON."""
    return Response(_encode(body), status_code=status, headers=headers, media_type="application/json")


def taken(found: Taken) -> Response:
    """202: stored for good, and folded in a moment."""
    return answer(found, 202)


def user_id(request: Request) -> str:
    """The user of the path. Raises BadRequestError."""
    return path_id(request.path_params["user_id"], "user_id")


def item_id(request: Request) -> str:
    """The film of the path. Raises BadRequestError."""
    return path_id(request.path_params["item_id"], "item_id")


async def json_body(request: Request) -> bytes:
    """The body. Raises UnsupportedMediaError, TooLargeError."""
    require_json(request.headers.get("content-type", ""))
    return await request.body()


_time = msgspec.json.Decoder(datetime)


def event_time(request: Request) -> datetime | None:
    """The query's ``event_time``, None where it is not given. Raises BadRequestError."""
    text = single(request.query_params.multi_items(), frozenset(("event_time",))).get("event_time")
    if text is None:
        return None
    try:
        found = _time.decode(_encode(text))
    except msgspec.MsgspecError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadRequestError("event_time must be RFC 3339 with a time zone", "event_time")
    return found
