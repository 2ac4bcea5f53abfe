"""Connections are kept while they are good, replaced when they are not, and no request is sent twice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from streaming.encoder.connections import Answer, ConnectionFailedError, Connections
from streaming.exceptions import ConfigurationError

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
CLOSING = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
Behaviour = Callable[[socket.socket, int], bool]
"""Answers the n-th request of all (from 0); whether the connection is kept."""


class Server:
    """One thread a connection; requests as they came."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.requests: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # a thread in accept() would hold it open
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while head := b"".join(iter(lines.readline, b"\r\n")) if lines.peek(1) else b"":
                length = next(
                    int(line.split(b":")[1])
                    for line in head.splitlines()
                    if line.lower().startswith(b"content-l")
                )
                body = lines.read(length)
                with self._lock:
                    number = len(self.requests)
                    self.requests.append((head, body))
                if not self.behave(connection, number):
                    return


@pytest.fixture
def start() -> Iterator[Callable[[Behaviour], Server]]:
    """Starts a server that behaves so."""
    servers: list[Server] = []

    def started(behave: Behaviour) -> Server:
        servers.append(Server(behave))
        return servers[-1]

    yield started
    for server in servers:
        server.close()


def kept(connection: socket.socket, _: int) -> bool:
    connection.sendall(OK)
    return True


def test_one_connection_serves_one_after_the_other(start: Callable[[Behaviour], Server]) -> None:
    server = start(kept)
    connections = Connections(server.url + "/below/", 5, 5)
    for body in (b"one", b"two"):
        assert connections.post("/there", body, "application/msgpack") == Answer(200, "text/plain", b"hi")
    assert server.connections == 1
    assert [body for _, body in server.requests] == [b"one", b"two"]
    assert server.requests[0][0].startswith(b"POST /below/there HTTP/1.1\r\n")
    assert b"Content-Type: application/msgpack" in server.requests[0][0]
    connections.close()


def test_headers_and_body_leave_in_one_piece(
    start: Callable[[Behaviour], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    send = HTTPConnection.send

    def noted(self: HTTPConnection, data: bytes) -> None:
        sent.append(data)
        send(self, data)

    monkeypatch.setattr(HTTPConnection, "send", noted)
    connections = Connections(start(kept).url, 5, 5)
    for body in (b"one", b"two"):
        connections.post("/", body, "a/b")
    assert [piece[-5:] for piece in sent] == [b"\r\none", b"\r\ntwo"]


def test_nothing_is_sent_in_the_clear_to_who_was_to_speak_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            Connections(f"https://127.0.0.1:{plain.getsockname()[1]}", 5, 5).post, "/", b"x", "a/b"
        )
        accepted, _ = plain.accept()
        with accepted:
            hello = accepted.recv(65_536)
            accepted.sendall(OK)
        with pytest.raises(ConnectionFailedError, match="SSL"):
            asked.result()
    assert hello.startswith(b"\x16\x03"), "a TLS handshake"


@pytest.mark.parametrize("said", [True, False], ids=["said so", "without a word"])
def test_a_connection_that_the_server_closed_is_replaced(
    said: bool, start: Callable[[Behaviour], Server]
) -> None:
    gone = threading.Event()

    def closing(connection: socket.socket, _: int) -> bool:
        connection.sendall(CLOSING if said else OK)
        connection.shutdown(socket.SHUT_RDWR)
        gone.set()
        return False

    server = start(closing)
    connections = Connections(server.url, 5, 5)
    for _ in range(3):
        gone.clear()
        assert connections.post("/", b"x", "a/b").body == b"hi"
        assert gone.wait(5)
    assert server.connections == 3
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", b"no HTTP at all\r\n\r\n"],
    ids=["nothing", "torn", "no HTTP"],
)
def test_half_an_answer_is_none_and_is_not_asked_for_again(
    answer: bytes, start: Callable[[Behaviour], Server]
) -> None:
    def first_is_bad(connection: socket.socket, number: int) -> bool:
        connection.sendall(OK if number else answer)
        return bool(number)

    server = start(first_is_bad)
    connections = Connections(server.url, 5, 5)
    with pytest.raises(ConnectionFailedError):
        connections.post("/", b"x", "a/b")
    assert len(server.requests) == 1
    assert connections.post("/", b"y", "a/b").body == b"hi"
    assert [body for _, body in server.requests] == [b"x", b"y"]


def test_a_late_answer_is_given_up_and_never_taken_for_the_next_ones(
    start: Callable[[Behaviour], Server],
) -> None:
    given_up = threading.Event()

    def late(connection: socket.socket, number: int) -> bool:
        if number == 0:
            assert given_up.wait(10)
            connection.sendall(OK.replace(b"hi", b"no"))
            return True
        connection.sendall(OK)
        return True

    connections = Connections(start(late).url, 5, 0.2)
    with pytest.raises(ConnectionFailedError, match=r"[Tt]ime"):
        connections.post("/", b"x", "a/b")
    given_up.set()
    assert connections.post("/", b"x", "a/b").body == b"hi"


def test_nobody_listening_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionFailedError, match="refused"):
        Connections(f"http://127.0.0.1:{port}", 5, 5).post("/", b"x", "a/b")


def test_threads_that_ask_at_once_have_a_connection_each(start: Callable[[Behaviour], Server]) -> None:
    all_there = threading.Barrier(4, timeout=10)

    def together(connection: socket.socket, _: int) -> bool:
        all_there.wait()
        connection.sendall(OK)
        return True

    server = start(together)
    connections = Connections(server.url, 5, 10)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(2):
            answers = list(pool.map(lambda _: connections.post("/", b"x", "a/b").body, range(4)))
            assert answers == [b"hi"] * 4
    assert server.connections == 4


def test_what_is_in_use_while_it_closes_is_answered_and_closed(start: Callable[[Behaviour], Server]) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(connection: socket.socket, _: int) -> bool:
        asked.set()
        assert go_on.wait(10)
        connection.sendall(OK)
        # an end, and not another request
        return connection.recv(1) != b""

    connections = Connections(start(slow).url, 5, 10)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(connections.post, "/", b"x", "a/b")
        assert asked.wait(10)
        connections.close()
        go_on.set()
        assert answer.result().body == b"hi"
    assert connections._idle == []


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://host", "http://", "http://host:x"])
def test_what_is_no_url_of_a_server_is_said_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="no URL"):
        Connections(url, 5, 5)
