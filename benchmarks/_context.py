"""What a handler asks of TorchServe's context, for callers that are not TorchServe."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

KIND = "application/msgpack"


class Context(SimpleNamespace):
    """Every request is MessagePack, and none may be refused."""

    def get_request_header(self, _index: int, name: str) -> str | None:
        """As TorchServe's."""
        return KIND if name == "Content-Type" else None

    def set_response_status(self, *_: Any) -> None:
        """Raises RuntimeError: a benchmark asks for nothing that is refused."""
        raise RuntimeError("a request was refused")

    def set_response_content_type(self, *_: Any) -> None:
        """Nobody reads it."""
