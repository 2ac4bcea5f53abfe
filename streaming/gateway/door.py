"""What happens to every request before and after its route: ids, keys, limits, logs, metrics.

Plain ASGI, since it is on the path of every lookup.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
import uuid
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streaming.gateway.auth import ApiKeys, presented_key
from streaming.gateway.exceptions import TooLargeError
from streaming.gateway.paths import route_path, segment_id
from streaming.gateway.problems import Problem, problem, response
from streaming.gateway.rates import RateLimiter
from streaming.observability.logging import get_logger, user_hash
from streaming.observability.metrics import counter, histogram
from streaming.posters import MAX_POSTER_BYTES
from streaming.settings import Settings

MIB: Final = 2**20
DRAIN: Final = 64 * MIB
DRAIN_S: Final = 5.0
"""How much of a refused body is read and thrown away, and for how long, before the answer."""
SEARCH: Final = "/v1/search"
FORM: Final = 64 * 2**10
"""What a form may hold beside its poster."""
OPEN: Final = frozenset(("/healthz", "/readyz", "/openapi.json", "/docs"))

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SECONDS = histogram("gateway_request_seconds", "Time to answer, by route", ("method", "route"))
_REQUESTS = counter("gateway_requests", "Answers, by route and status", ("method", "route", "status"))
_log = get_logger("gateway.access")


def body_limit(path: str) -> int:
    """Bytes that a body for ``path`` may hold."""
    if path.endswith("/poster"):
        return MAX_POSTER_BYTES
    if path == SEARCH:
        return MAX_POSTER_BYTES + FORM
    return 16 * MIB if path == "/v1/items:bulk" else MIB


class Door:
    """Wraps the application; for one event loop."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._keys = ApiKeys(settings)
        self._rates = RateLimiter(settings.gateway.rate_limit_per_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id
        status = 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            refused = self._refusal(scope, headers)
            if refused is not None:
                found, extra = refused
                await _drain(receive)
                await response(found, extra, request_id)(scope, receive, send_on)
            else:
                limited = _limited(receive, body_limit(scope["path"]))
                await self._app(scope, limited, send_on)
        finally:
            self._account(scope, status, time.perf_counter() - begun, request_id)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[Problem, dict[str, str]] | None:
        """Why the request gets no further, or None; nothing of its body has been read."""
        path = route_path(scope.get("raw_path") or scope["path"].encode())
        if path is None:
            return problem(400, "the path is not valid UTF-8, or holds a control character"), {}
        scope["path"] = path
        name = "open"
        if path not in OPEN and not (path == "/metrics" and _from_loopback(scope)):
            key = presented_key(headers)
            found = self._keys.name_of(key) if key else None
            if self._keys.required and found is None:
                why = "the API key is not known" if key else "an API key is required"
                detail = f"{why}: send it as `X-API-Key` or `Authorization: Bearer`"
                return problem(401, detail), {"www-authenticate": "Bearer"}
            name = found or "anonymous"
            wait = self._rates.wait(name)
            if wait > 0:
                detail = f"more than {self._settings.gateway.rate_limit_per_s:g} requests a second"
                return problem(429, detail), {"retry-after": str(int(wait) + 1)}
        scope["key_name"] = name
        limit = body_limit(path)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            return problem(413, f"the body holds more than {limit} bytes"), {"connection": "close"}
        return None

    def _account(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if route != "none" else "any"
        _SECONDS.labels(method, route).observe(seconds)
        _REQUESTS.labels(method, route, str(status)).inc()
        fields: dict[str, Any] = {}
        user_id = scope.get("path_params", {}).get("user_id")
        if user_id:
            fields["user"] = user_hash(self._settings, segment_id(user_id))
        _log.info(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            key=scope.get("key_name", "refused"),
            request_id=request_id,
            **fields,
        )


async def _drain(receive: Receive) -> None:
    """Let a refused body pass by: a client that is still sending would not see the answer."""
    held = 0
    try:
        async with asyncio.timeout(DRAIN_S):
            while held <= DRAIN:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                held += len(message.get("body", b""))
    except TimeoutError:
        return


def _limited(receive: Receive, limit: int) -> Receive:
    """``receive`` that gives up on bodies that turn out longer than their headers said."""
    held = 0

    async def receive_some() -> Message:
        nonlocal held
        message = await receive()
        if message["type"] == "http.request":
            held += len(message.get("body", b""))
            if held > limit:
                await _drain(receive)
                raise TooLargeError(f"the body holds more than {limit} bytes")
        return message

    return receive_some


def _from_loopback(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        return client is None or ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False
