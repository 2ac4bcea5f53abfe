"""A hub with one model, as far as the hub's own client asks it: a folder behind the addresses of its API."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _handler(folder: Path, name: str, asked: list[str]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            if path.startswith(f"/api/models/{name}/tree/"):
                self._answer(json.dumps(_tree(folder)).encode())
            elif path.startswith(f"/api/models/{name}"):
                self._answer(json.dumps(_model(folder, name)).encode())
            elif path.startswith(f"/{name}/resolve/"):
                file = folder / path.rpartition("/")[2]
                self._answer(file.read_bytes(), hashlib.sha256(file.read_bytes()).hexdigest())
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def _answer(self, body: bytes, etag: str = "") -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            if etag:
                self.send_header("ETag", f'"{etag}"')
                self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    return Handler


def _tree(folder: Path) -> list[dict[str, object]]:
    return [
        {"type": "file", "path": one.name, "size": one.stat().st_size, "oid": COMMIT}
        for one in sorted(folder.iterdir())
    ]


def _model(folder: Path, name: str) -> dict[str, object]:
    siblings = [{"rfilename": one.name} for one in sorted(folder.iterdir())]
    return {"id": name, "sha": COMMIT, "siblings": siblings}


@contextmanager
def hub(folder: Path, name: str) -> Iterator[tuple[str, list[str]]]:
    """(Its address, what it was asked) for as long as the context lasts."""
    asked: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder, name, asked))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
