"""Requests that no route takes: which path that was, and what it would take."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Match

UNROUTED = (404, 405)
METHODS = ("GET", "PUT", "POST", "DELETE")
_SHOWN = 200
"""Characters of a stranger's path that are repeated to him."""


def unrouted(request: Request, error: HTTPException) -> tuple[str, dict[str, str]]:
    """What to say of a 404 or 405 of the router, and headers that go with it."""
    scope = request.scope
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")[:_SHOWN]
    if error.status_code == 404:
        return f"there is no {path}; /openapi.json and /docs name every path", {}
    # the router's own header names the methods of one route, and a path may have several
    allowed = [
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
    detail = f"{path} takes {' and '.join(allowed)}, not {scope['method']}; see /openapi.json or /docs"
    return detail, {"allow": ", ".join(allowed)}
