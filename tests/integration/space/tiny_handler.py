"""A TorchServe handler for tests: a film's vector is a hash of its text, on the real wire format."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from typing import Any

import msgspec
import numpy as np

DIM = 16
REFUSED, SLOW, DEADLY = "unencodable", "slow", "deadly"


def vector_of(title: str, text: str, poster: bytes | None = None) -> Any:
    """float32 (16,) that depends on every input."""
    digest = hashlib.blake2b(
        b"\0".join([title.encode(), text.encode(), poster or b""]), digest_size=8
    ).digest()
    return np.random.default_rng(int.from_bytes(digest, "big")).normal(size=DIM).astype(np.float32)


def handle(data: Any, context: Any) -> list[bytes] | None:
    """TorchServe's entry; data is None when the model is loaded."""
    if data is None:
        return None
    answers = []
    for index, part in enumerate(data):
        results: list[dict[str, Any]] = []
        for item in msgspec.msgpack.decode(part.get("body") or part.get("data"))["items"]:
            text = item.get("text", "")
            if text.startswith(SLOW):
                time.sleep(float(text.removeprefix(SLOW)))
            if text == DEADLY:
                os.kill(os.getpid(), signal.SIGKILL)
            if text == REFUSED:
                results.append({"error": "this text cannot be encoded"})
            else:
                vector = vector_of(item["title"], text, item.get("poster"))
                results.append({"vector": vector.astype("<f4").tobytes()})
        context.set_response_content_type(index, "application/msgpack")
        answers.append(msgspec.msgpack.encode({"package": "t@1", "engine": "tiny", "results": results}))
    return answers
