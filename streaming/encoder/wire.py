"""Requests and answers of the item encoder, MessagePack. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from streaming.encoder.exceptions import EncoderUnavailableError
from streaming.events import Item

CONTENT_TYPE = "application/msgpack"
MAX_ITEMS = 64
MAX_BYTES = 4 * 1024 * 1024
"""Posters and texts of one request, below TorchServe's own limit of 6.5 MB."""


class Encoded(msgspec.Struct, frozen=True):
    """What the encoder made of one film: a vector, or why there is none."""

    vector: npt.NDArray[np.float32] | None
    """float32 [dim]."""
    error: str | None = None
    reads_posters: bool | None = None
    """Whether the encoder reads posters at all; None: it is of a time when none said."""
    engine: str | None = None
    """What computed it."""


class _Result(msgspec.Struct):
    vector: bytes | None = None
    error: str | None = None


class _Answer(msgspec.Struct):
    package: str
    engine: str
    results: list[_Result]
    reads_posters: bool | None = None


def _weight(item: Item, poster: bytes | None) -> int:
    return 512 + len(item.title) + 4 * len(item.text) + len(poster or b"")


def slices(items: Sequence[Item], posters: Sequence[bytes | None], max_items: int) -> Iterator[slice]:
    """Runs of films that fit into one request each; a single film always does."""
    start, weight = 0, 0
    for i, (item, poster) in enumerate(zip(items, posters, strict=True)):
        more = _weight(item, poster)
        if i > start and (i - start >= max_items or weight + more > MAX_BYTES):
            yield slice(start, i)
            start, weight = i, 0
        weight += more
    if start < len(items):
        yield slice(start, len(items))


def encode_request(items: Sequence[Item], posters: Sequence[bytes | None], *, queries: bool = False) -> bytes:
    """The body of a request for 1 to 64 films, or for as many ``queries``, which are no films."""
    rows = []
    for item, poster in zip(items, posters, strict=True):
        row = msgspec.to_builtins(item)
        if poster is not None:
            row["poster"] = poster
        if queries:
            row["query"] = True
        rows.append(row)
    return msgspec.msgpack.encode({"items": rows})


def decode_answer(body: bytes, count: int) -> tuple[str, list[Encoded]]:
    """The package that answered, and a result for each of the ``count`` films, in their order.

    Raises:
        EncoderUnavailableError: if the bytes are no such answer (a proxy's page, a torn connection).
    """
    try:
        answer = msgspec.msgpack.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EncoderUnavailableError(f"the item encoder's answer cannot be read: {error}") from None
    if len(answer.results) != count:
        raise EncoderUnavailableError(f"the item encoder answered {len(answer.results)} of {count} films")
    return answer.package, [_encoded(result, answer) for result in answer.results]


def _encoded(result: _Result, answer: _Answer) -> Encoded:
    if result.vector is None:
        return Encoded(None, result.error or "the item encoder gave neither vector nor reason")
    if len(result.vector) % 4:
        return Encoded(None, "the item encoder gave a torn vector")
    vector = np.frombuffer(result.vector, dtype="<f4").astype(np.float32)
    if not np.isfinite(vector).all():
        return Encoded(None, "the item encoder gave a vector that is not finite")
    return Encoded(vector, reads_posters=answer.reads_posters, engine=answer.engine)
