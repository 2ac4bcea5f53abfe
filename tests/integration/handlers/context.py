"""What a handler asks of TorchServe's context, taking down what it is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace


class Context(SimpleNamespace):
    """``kinds``: the content type of each request of a batch."""

    def __init__(self, folder: Path, kinds: list[str]) -> None:
        super().__init__(system_properties={"model_dir": str(folder)}, kinds=kinds, status={}, types={})

    def get_request_header(self, index: int, name: str) -> str | None:
        return self.kinds[index] if name == "Content-Type" else None

    def set_response_status(self, code: int, phrase: str, index: int) -> None:
        self.status[index] = (code, phrase)

    def set_response_content_type(self, index: int, kind: str) -> None:
        self.types[index] = kind
