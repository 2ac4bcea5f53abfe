"""Kept HTTP connections to one server, by the standard library alone.

A general client takes 1.3 ms of a core for each request (a pool, events, headers as objects) where this takes
less than 0.6, on machines whose cores the model needs; what TorchServe is asked is one kind of POST.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from streaming.exceptions import ConfigurationError


class ConnectionFailedError(Exception):
    """No whole answer came: nobody listens, it took too long, or the connection broke."""


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    kind: str
    """The content type, empty if none was said."""
    body: bytes


class _Whole(http.client.HTTPConnection):
    """Sends headers and body in one piece: in two, the server wakes twice and reads the first in vain."""

    _held = b""

    def send(self, data: Any) -> None:
        """Holds bytes back until :meth:`send_held`."""
        self._held += data

    def send_held(self) -> None:
        """Sends what was held back."""
        held, self._held = self._held, b""
        super().send(held)


class _Tls(_Whole, http.client.HTTPSConnection):
    """With it."""


class Connections:
    """As many connections as threads ask at once, each kept for the next; not to be shared with a fork."""

    def __init__(self, url: str, connect_s: float, read_s: float) -> None:
        """Connects to nothing yet.

        Args:
            url: of the server; what its path begins with is put before each request's.
            connect_s: how long a connection may take, in seconds.
            read_s: how long nothing may come while an answer is awaited, in seconds.

        Raises:
            ConfigurationError: if ``url`` is no HTTP URL.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ConfigurationError(f"{url!r} is no URL: {error}") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigurationError(f"{url!r} is no URL of an HTTP server")
        self._host, self._port = host, port
        self._prefix = parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._connect_s, self._read_s = connect_s, read_s
        self._lock = threading.Lock()
        self._idle: list[_Whole] = []
        self._closed = False

    def post(self, path: str, body: bytes, kind: str) -> Answer:
        """The answer to one request. It is sent once: nothing is repeated here.

        Raises:
            ConnectionFailedError: if there is none.
        """
        try:
            connection = self._take()
        except OSError as error:
            raise ConnectionFailedError(repr(error)[:300]) from None
        try:
            connection.request("POST", self._prefix + path, body, {"Content-Type": kind})
            connection.send_held()
            response = connection.getresponse()
            answer = Answer(response.status, response.getheader("Content-Type", ""), response.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ConnectionFailedError(repr(error)[:300]) from None
        except BaseException:
            # half an answer must not be the beginning of the next one
            connection.close()
            raise
        self._give_back(connection)
        return answer

    def close(self) -> None:
        """Closes what nobody uses; what is in use is closed when its answer is there."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for connection in idle:
            connection.close()

    def _take(self) -> _Whole:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connect()
            if _quiet(connection.sock):
                return connection
            # the server has closed it since
            connection.close()

    def _connect(self) -> _Whole:
        made: _Whole
        if self._tls is None:
            made = _Whole(self._host, self._port, timeout=self._connect_s)
        else:
            made = _Tls(self._host, self._port, timeout=self._connect_s, context=self._tls)
        try:
            made.connect()
        except BaseException:
            made.close()
            raise
        made.sock.settimeout(self._read_s)
        return made

    def _give_back(self, connection: _Whole) -> None:
        # http.client has let go of a socket whose server said that it closes
        if connection.sock is None:
            return
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()


def _quiet(sock: socket.socket | None) -> bool:
    """Whether nothing has come, neither bytes nor an end: between answers both mean that it is no use."""
    if sock is None:
        return False
    look = select.poll()
    look.register(sock, select.POLLIN)
    return not look.poll(0)
