"""What the gateway answers becomes one clear sentence and an exit code; the server here is a real one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from deploy.cli.client import GatewayClient
from streaming.exceptions import MarqueeError
from streaming.settings import GatewaySettings, Settings

Server = tuple[Settings, list[tuple[str, str, dict[str, str], bytes]], list[tuple[int, Any]]]


@pytest.fixture
def server(bare_settings: Settings) -> Iterator[Server]:
    """Settings that reach a server, the requests it got, and the answers it is to give."""
    seen: list[tuple[str, str, dict[str, str], bytes]] = []
    answers: list[tuple[int, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append((self.command, self.path, headers, body))
            status, answer = answers.pop(0)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    gateway = GatewaySettings(url=f"http://127.0.0.1:{http.server_port}", api_key=SecretStr("secret"))  # type: ignore[call-arg]
    yield bare_settings.model_copy(update={"gateway": gateway}), seen, answers
    http.shutdown()
    http.server_close()


def test_ids_are_quoted_the_key_is_sent_and_options_not_given_are_left_out(server: Server) -> None:
    settings, seen, answers = server
    answers.append((200, {"items": []}))
    with GatewayClient(settings) as gateway:
        assert gateway.recommendations("a/ü?", k=3, genre=None) == {"items": []}
    method, path, headers, _ = seen[0]
    assert (method, path) == ("GET", "/v1/users/a%2F%C3%BC%3F/recommendations?k=3")
    assert headers["x-api-key"] == "secret"


def test_a_search_is_json_and_with_a_poster_a_form(server: Server) -> None:
    settings, seen, answers = server
    answers += [(200, {"items": []})] * 2
    with GatewayClient(settings) as gateway:
        gateway.search("a robot", k=3, genre=None)
        gateway.search("", b"picture", k=3)
    (_, path, _, body), (_, _, headers, form) = seen
    assert (path, json.loads(body)) == ("/v1/search", {"text": "a robot", "k": 3})
    assert headers["content-type"].startswith("multipart/form-data")
    assert b'name="poster"; filename=' in form
    assert b"picture" in form


def test_a_take_back_is_a_null_value(server: Server) -> None:
    settings, seen, answers = server
    answers.append((202, {"accepted": 1}))
    with GatewayClient(settings) as gateway:
        gateway.rate("u", "i", None)
    assert json.loads(seen[0][3]) == {"user_id": "u", "item_id": "i", "value": None}


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, 2, "value must be"),
        (422, 2, "value must be"),
        (413, 2, "value must be"),
        (401, 2, "API key"),
        (404, 5, "value must be"),
        (409, 4, "value must be"),
        (429, 3, "cannot answer now"),
        (503, 3, "cannot answer now"),
        (500, 3, "cannot answer now"),
    ],
)
def test_each_problem_has_its_exit_code(server: Server, status: int, code: int, words: str) -> None:
    settings, _, answers = server
    answers.append((status, {"title": "no", "detail": "value must be from 0.5 to 5.0"}))
    with GatewayClient(settings) as gateway, pytest.raises(MarqueeError, match=words) as caught:
        gateway.item("i")
    assert caught.value.exit_code == code


def test_an_answer_that_is_no_problem_document_is_shown_as_it_is(server: Server) -> None:
    settings, _, answers = server
    answers.append((502, b"<html>bad gateway</html>"))
    with GatewayClient(settings) as gateway, pytest.raises(MarqueeError, match="bad gateway"):
        gateway.item("i")


def test_no_gateway_says_how_to_start_one(bare_settings: Settings) -> None:
    gateway = GatewaySettings(url="http://127.0.0.1:1")  # type: ignore[call-arg]
    settings = bare_settings.model_copy(update={"gateway": gateway})
    with GatewayClient(settings) as client, pytest.raises(MarqueeError, match="marquee stack up") as caught:
        client.item("i")
    assert caught.value.exit_code == 3


def test_no_key_at_all_is_told_as_such(server: Server) -> None:
    settings, _, answers = server
    answers.append((401, {"title": "no"}))
    keyless = settings.gateway.model_copy(update={"api_key": SecretStr("")})
    with (
        GatewayClient(settings.model_copy(update={"gateway": keyless})) as gateway,
        pytest.raises(MarqueeError, match="none is known here: run where the stack was started") as caught,
    ):
        gateway.genres()
    assert caught.value.exit_code == 2
