"""Requests and answers of encoders, MessagePack or JSON. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import msgspec

from handlers.encoder import Encoded
from handlers.exceptions import RequestError
from handlers.items import EncodeItem

MSGPACK, JSON = "application/msgpack", "application/json"
MAX_ITEMS = 64


@dataclass(frozen=True)
class Request:
    """A decoded request: each item as the model takes it (a struct), or the reason why it is none."""

    items: list[Any]
    msgpack: bool
    """Whether the answer is MessagePack too."""


class _Envelope(msgspec.Struct):
    items: list[Any]


def _item(raw: Any, msgpack: bool, kind: type[msgspec.Struct], noun: str) -> Any:
    if not msgpack and isinstance(raw, dict) and isinstance(raw.get("poster"), str):
        try:
            raw = {**raw, "poster": base64.b64decode(raw["poster"], validate=True)}
        except (binascii.Error, ValueError):
            return "poster is not base64"
    try:
        return msgspec.convert(raw, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        return f"is no {noun}: {error}"


def decode_request(
    body: Any, content_type: str | None, kind: type[msgspec.Struct] = EncodeItem, noun: str = "film"
) -> Request:
    """A request's body; TorchServe hands JSON over as the object it has parsed already.

    Args:
        kind: of its items.
        noun: what messages call one.

    Raises:
        RequestError: if the whole of it cannot be understood.
    """
    msgpack = False
    try:
        if isinstance(body, (bytes, bytearray)):
            msgpack = "msgpack" in (content_type or "").lower()
            envelope = (msgspec.msgpack if msgpack else msgspec.json).decode(bytes(body), type=_Envelope)
        elif isinstance(body, str):
            envelope = msgspec.json.decode(body, type=_Envelope)
        else:
            envelope = msgspec.convert(body, _Envelope)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise RequestError(f"the request cannot be understood: {error}") from None
    if not 1 <= len(envelope.items) <= MAX_ITEMS:
        raise RequestError(f"a request holds 1 to {MAX_ITEMS} items, not {len(envelope.items)}")
    return Request([_item(raw, msgpack, kind, noun) for raw in envelope.items], msgpack)


def encode_answer(
    request: Request, package: str, engine: str, encoded: Encoded, *, reads_posters: bool
) -> bytes:
    """The answer to ``request``; ``encoded`` is that of its items alone."""
    results: list[dict[str, Any]] = []
    for vector, error in zip(encoded.vectors, encoded.errors, strict=True):
        if error is not None:
            results.append({"error": error})
        else:
            raw = vector.astype("<f4").tobytes()
            # base64 by hand: msgspec would do it too, but MessagePack wants the bytes themselves
            results.append({"vector": raw if request.msgpack else base64.b64encode(raw).decode()})
    answer = {
        "package": package,
        "engine": engine,
        "reads_posters": reads_posters,
        "timings_ms": encoded.timings_ms,
        "results": results,
    }
    return msgspec.msgpack.encode(answer) if request.msgpack else msgspec.json.encode(answer)


def encode_refusal(error: RequestError, msgpack: bool) -> bytes:
    """The answer to a request that is refused as a whole."""
    answer = {"error": str(error)}
    return msgspec.msgpack.encode(answer) if msgpack else msgspec.json.encode(answer)
