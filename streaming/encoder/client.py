"""Asks TorchServe for item vectors, always of an explicit version (DESIGN section 6)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from types import TracebackType

import msgspec

from streaming.encoder.connections import Answer, ConnectionFailedError, Connections
from streaming.encoder.exceptions import (
    EncoderDiedError,
    EncoderRefusedError,
    EncoderUnavailableError,
    ModelNotFoundError,
)
from streaming.encoder.wire import CONTENT_TYPE, MAX_ITEMS, Encoded, decode_answer, encode_request, slices
from streaming.events import Item
from streaming.settings import Settings

ITEM_ENCODER = "item-encoder"
CONNECT_S = 5.0

_PROBE = Item(item_id="", title="Marquee", text="Marquee")
_PROBE_POSTER = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
)
"""One black pixel; encoders of films, of texts and of posters each find what they take."""


class EncoderClient:
    """A connection to one model version. Safe to share between threads; make it after a fork."""

    def __init__(self, settings: Settings, version: str, model: str = ITEM_ENCODER) -> None:
        serve = settings.torchserve
        self.package = f"{model}@{version}"
        self._path = f"/predictions/{model}/{version}"
        self._batch = min(serve.batch, MAX_ITEMS)
        self._http = Connections(serve.inference_url, min(CONNECT_S, serve.timeout_s), serve.timeout_s)

    def __enter__(self) -> EncoderClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back."""
        self._http.close()

    def encode(
        self,
        items: Sequence[Item],
        posters: Sequence[bytes | None] | None = None,
        before_request: Callable[[], None] = lambda: None,
        *,
        queries: bool = False,
    ) -> list[Encoded]:
        """A vector or a reason for each film, in order; split into as many requests as it takes.

        A request that is refused as a whole is sent again film by film, so that one film never costs
        others their vectors.

        Args:
            before_request: called before each of them; may wait.
            queries: they are what searchers say, no films: the vectors are to search with.

        Raises:
            EncoderDiedError: if the worker died that had one of the requests.
            EncoderUnavailableError: if TorchServe is away or not ready: retry later.
            ModelNotFoundError: if the version is not registered.
        """
        pictures = posters if posters is not None else [None] * len(items)
        results: list[Encoded] = []
        for part in slices(items, pictures, self._batch):
            before_request()
            results += self._encode_part(items[part], pictures[part], queries)
        return results

    def _encode_part(
        self, items: Sequence[Item], posters: Sequence[bytes | None], queries: bool
    ) -> list[Encoded]:
        try:
            return self._request(items, posters, queries)
        except EncoderRefusedError as error:
            if len(items) == 1:
                return [Encoded(None, str(error))]
        return [
            encoded
            for item, poster in zip(items, posters, strict=True)
            for encoded in self._encode_part([item], [poster], queries)
        ]

    def _request(
        self, items: Sequence[Item], posters: Sequence[bytes | None], queries: bool
    ) -> list[Encoded]:
        body = encode_request(items, posters, queries=queries)
        try:
            answer = self._http.post(self._path, body, CONTENT_TYPE)
        except ConnectionFailedError as error:
            raise EncoderUnavailableError(f"the item encoder does not answer: {error}") from None
        status = answer.status
        if status == 200:
            package, encoded = decode_answer(answer.body, len(items))
            if package != self.package:
                raise EncoderUnavailableError(f"asked {self.package}, answered by {package}")
            return encoded
        reason = _reason(answer)
        if status == 404:
            raise ModelNotFoundError(f"TorchServe does not know {self.package}: {reason}")
        if status in (400, 413, 422):
            raise EncoderRefusedError(f"refused by the item encoder ({status}): {reason}")
        # 503 no worker, 507 out of memory, 500 a worker that died, 408 and 429 too busy
        kind = EncoderDiedError if status == 500 else EncoderUnavailableError
        raise kind(f"the item encoder answers {status}: {reason}")

    def ready(self) -> bool:
        """Whether a real film gets a real vector now; ``/ping`` says yes before workers are ready."""
        try:
            return self.encode([_PROBE], [_PROBE_POSTER])[0].vector is not None
        except (EncoderUnavailableError, ModelNotFoundError):
            return False


def _reason(answer: Answer) -> str:
    try:
        decode = msgspec.msgpack.decode if CONTENT_TYPE in answer.kind else msgspec.json.decode
        body = decode(answer.body)
        return str(body.get("message") or body.get("error") or body)[:300]
    except (msgspec.MsgspecError, AttributeError, UnicodeDecodeError):
        return answer.body.decode(errors="replace")[:300]
