"""Processes among themselves: routes, token, and finding an owner that moves."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from streaming.exceptions import ConfigurationError
from streaming.internal import InternalCallError, InternalServer, OwnerUnavailableError, call_owner, call_url
from streaming.internal.server import Reply
from streaming.settings import Settings


def _settings(token: str = "t0ken", host: str = "127.0.0.1") -> Settings:
    return Settings(internal={"token": token, "host": host})


def _users(tail: str, query: dict[str, str], body: bytes) -> Reply:
    if tail == "unknown":
        return 404, {"error": "unknown"}
    if tail == "bad":
        return 400, {"error": "bad"}
    if tail == "broken":
        raise RuntimeError("oh")
    return 200, {"tail": tail, "query": query, "body": body.decode()}


@pytest.fixture
def server() -> Iterator[InternalServer]:
    server = InternalServer(_settings(), {("GET", "/users"): _users, ("POST", "/users"): _users})
    server.start()
    yield server
    server.stop()


def test_a_call_carries_path_query_and_body(server: InternalServer) -> None:
    name = "a/b %?\u00e9"
    reply = call_url(
        _settings(), server.address, "POST", f"/users/{quote(name, safe='')}", {"x": 1}, {"q": "1"}
    )
    assert reply.status == 200
    assert reply.body == {"tail": name, "query": {"q": "1"}, "body": '{"x":1}'}


def test_unknown_things_are_an_answer_and_refusals_an_error(server: InternalServer) -> None:
    assert call_url(_settings(), server.address, "GET", "/users/unknown").status == 404
    with pytest.raises(InternalCallError, match="400"):
        call_url(_settings(), server.address, "GET", "/users/bad")
    with pytest.raises(InternalCallError, match="RuntimeError"):
        call_url(_settings(), server.address, "GET", "/users/broken")


@pytest.mark.parametrize("token", ["", "t0ke", "t0kenn", "\u00e9"])
def test_a_wrong_token_is_refused(server: InternalServer, token: str) -> None:
    headers = {b"authorization": f"Bearer {token}".encode()} if token else {}
    response = httpx.get(f"http://{server.address}/users/1", headers=headers, trust_env=False)
    assert response.status_code == 401


def test_paths_that_only_begin_alike_are_not_served(server: InternalServer) -> None:
    auth = {"authorization": "Bearer t0ken"}
    get = httpx.get(f"http://{server.address}/usersx", headers=auth, trust_env=False)
    delete = httpx.delete(f"http://{server.address}/users/1", headers=auth, trust_env=False)
    assert (get.status_code, delete.status_code) == (404, 405)


def test_a_token_is_required_off_loopback() -> None:
    with pytest.raises(ConfigurationError):
        InternalServer(_settings(token="", host="0.0.0.0"), {})


def test_a_call_follows_the_owner_until_it_answers(server: InternalServer) -> None:
    def misdirected(tail: str, query: dict[str, str], body: bytes) -> Reply:
        return 421, None

    def loading(tail: str, query: dict[str, str], body: bytes) -> Reply:
        return 503, None

    former = InternalServer(_settings(), {("GET", "/users"): misdirected})
    starting = InternalServer(_settings(), {("GET", "/users"): loading})
    former.start()
    starting.start()
    dead = starting.address.split(":")[0] + ":1"
    answers = iter([former.address, None, dead, starting.address, server.address])
    try:
        reply = call_owner(_settings(), lambda _: next(answers), 3, "GET", "/users/7")
        assert reply.body["tail"] == "7"
        assert next(answers, "all asked") == "all asked"
    finally:
        former.stop()
        starting.stop()


def test_no_owner_in_time_is_unavailable() -> None:
    with pytest.raises(OwnerUnavailableError, match="nobody owns it"):
        call_owner(_settings(), lambda _: None, 0, "GET", "/users/7", timeout_s=0.2)
