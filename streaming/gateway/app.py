"""The gateway as an ASGI application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from streaming.exceptions import MarqueeError
from streaming.gateway import openapi
from streaming.gateway.door import Door
from streaming.gateway.front import Front
from streaming.gateway.intake import Intake, PartlyAcknowledgedError
from streaming.gateway.problems import RETRY_S, problem, problem_of, response
from streaming.gateway.routes import (
    docs,
    events,
    health,
    items,
    posters,
    ratings,
    recommendations,
    search,
    users,
)
from streaming.gateway.routes.common import Desk
from streaming.gateway.state import GatewayState
from streaming.gateway.unrouted import UNROUTED, unrouted
from streaming.gateway.users import Users
from streaming.observability.logging import get_logger

_log = get_logger("gateway.app")


def create_app(state: GatewayState) -> ASGIApp:
    """All routes over ``state``, behind the door.

    Raises:
        ConfigurationError: if keys are asked for and there are none.
    """
    app = FastAPI(
        title="Marquee",
        version="1",
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={MarqueeError: _refuse, HTTPException: _refuse, Exception: _fail},
    )
    for noun in (recommendations, search, users, ratings, items, posters, events, health, docs):
        app.include_router(noun.router)
    front = Front(state)
    app.state.desk = Desk(state, front, Intake(state), Users(state, front))
    described = app.openapi
    app.openapi = lambda: openapi.completed(described())  # type: ignore[method-assign]
    return Door(app, state.settings)


async def _refuse(request: Request, error: Any) -> Response:
    request_id = request.scope.get("request_id", "")
    if isinstance(error, PartlyAcknowledgedError):
        found = problem(503, str(error), accepted=error.taken.accepted, errors=error.taken.errors)
        return response(found, {"retry-after": str(RETRY_S)}, request_id)
    if isinstance(error, HTTPException) and error.status_code in UNROUTED:
        detail, headers = unrouted(request, error)
        found = problem(error.status_code, detail)
    else:
        found, headers = problem_of(error)
    if found.status >= 500:
        _log.warning("not answered", status=found.status, error=str(error), request_id=request_id)
    return response(found, headers, request_id)


async def _fail(request: Request, error: Exception) -> Response:
    # starlette raises it again after this answer: uvicorn logs the traceback
    request_id = request.scope.get("request_id", "")
    _log.error("unexpected", error=repr(error), request_id=request_id)
    return response(problem_of(error)[0], None, request_id)
