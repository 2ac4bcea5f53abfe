"""A small threaded HTTP server for Marquee's processes among themselves.

It speaks JSON, listens on ``settings.internal.host`` on a port that the system chooses, and asks for the
bearer token ``settings.internal.token``. Handlers run on the server's threads.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from streaming.exceptions import ConfigurationError
from streaming.observability.logging import get_logger
from streaming.settings import Settings

Reply = tuple[int, Any]
"""Status and a body that JSON can hold, or bytes: plain text as it is (metrics)."""
Handler = Callable[[str, dict[str, str], bytes], Reply]
"""Gets the decoded rest of the path after its prefix, the query and the body."""
Routes = Mapping[tuple[str, str], Handler]
"""(method, path prefix) -> handler; the longest prefix wins."""

MAX_BODY: Final = 16 * 2**20
RETRY_AFTER_S: Final = "1"
_log = get_logger("internal.server")


class InternalServer:
    """Serves ``routes`` until :meth:`stop`.

    Raises:
        ConfigurationError: without a token, unless the host is the loopback one.
    """

    def __init__(self, settings: Settings, routes: Routes) -> None:
        self._host = settings.internal.host
        self._token = settings.internal.token.get_secret_value()
        if not self._token and not _is_loopback(self._host):
            raise ConfigurationError("internal.token is required where internal.host is not loopback")
        self._routes = sorted(routes.items(), key=lambda route: -len(route[0][1]))
        self._server: ThreadingHTTPServer | None = None
        self._thread: Thread | None = None

    @property
    def address(self) -> str:
        """``host:port``; only once started."""
        if self._server is None:
            raise RuntimeError("the internal server is not started")
        return f"{self._host}:{self._server.server_address[1]}"

    def start(self) -> str:
        """Listen and serve on a thread of its own; the address, ``host:port``."""
        handler = type("BoundHandler", (_RequestHandler,), {"owner": self})
        server = _Server((self._host, 0), handler)
        self._server = server
        self._thread = Thread(target=server.serve_forever, args=(0.05,), name="internal-server", daemon=True)
        self._thread.start()
        return self.address

    def stop(self) -> None:
        """Stop listening; answers in flight end with their connections. Harmless when not started."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None:
            server.shutdown()
            server.server_close()
        if thread is not None:
            thread.join(1.0)

    def answer(self, method: str, target: str, authorization: str, body: bytes) -> Reply:
        """The reply to one request, whatever happens in the handler."""
        if self._token and not hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode()):
            return 401, {"error": "missing or wrong internal token"}
        parts = urlsplit(target)
        for (wanted, prefix), handler in self._routes:
            if wanted == method and _under(parts.path, prefix):
                tail = unquote(parts.path[len(prefix) :].removeprefix("/"))
                try:
                    return handler(tail, dict(parse_qsl(parts.query)), body)
                except Exception as error:
                    _log.exception("internal handler failed", route=prefix)
                    return 500, {"error": f"{type(error).__name__}: {error}"}
        known = any(_under(parts.path, prefix) for (_, prefix), _ in self._routes)
        return (405, {"error": "method not allowed"}) if known else (404, {"error": "no such endpoint"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        # HTTPServer's own would look the host's name up, which can take seconds where there is no DNS
        TCPServer.server_bind(self)


class _RequestHandler(BaseHTTPRequestHandler):
    """One connection; kept alive, so that callers pay for it once."""

    owner: InternalServer
    protocol_version = "HTTP/1.1"
    timeout = 60
    # headers and body leave in one segment: no wait for a delayed acknowledgement
    wbufsize = 65_536
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        try:
            length = int(self.headers.get("content-length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            status, reply = 413, {"error": f"bodies hold at most {MAX_BODY} bytes"}
        else:
            body = self.rfile.read(length)
            status, reply = self.owner.answer(
                self.command, self.path, self.headers.get("authorization", ""), body
            )
        raw = isinstance(reply, bytes)
        encoded: bytes = reply if isinstance(reply, bytes) else msgspec.json.encode(reply)
        self.send_response(status)
        self.send_header("content-type", "text/plain; charset=utf-8" if raw else "application/json")
        self.send_header("content-length", str(len(encoded)))
        if status == 503:
            self.send_header("retry-after", RETRY_AFTER_S)
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: paths carry user ids."""


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
