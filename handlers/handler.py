"""What TorchServe calls, the same for every encoder."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import structlog

from handlers.checksums import verify_checksums
from handlers.encoder import Encoded, Encoder
from handlers.engines.metrics import hand_over
from handlers.exceptions import RequestError
from handlers.tuning import serving_of
from handlers.wire import JSON, MSGPACK, Request, decode_request, encode_answer, encode_refusal

THREADS_VARIABLE = "MARQUEE_ENGINE_THREADS"

_log = structlog.get_logger("handlers")


def _log_as_lines() -> None:
    # TorchServe takes what a worker prints to its own log; one JSON object a line stays searchable there
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class EncoderHandler:
    """One worker's model. A request's errors are its own; the batch's other requests are answered."""

    encoder: ClassVar[type[Encoder[Any]]]

    def __init__(self) -> None:
        self.initialized = False
        self._encoder: Encoder[Any] | None = None

    def initialize(self, context: Any) -> None:
        """Loads the package that TorchServe unpacked.

        Raises:
            PackageFileError: if a file is missing, changed or torn.
            HandlerError: if no engine can run it.
        """
        _log_as_lines()
        folder = Path(context.system_properties["model_dir"])
        verify_checksums(folder)
        threads = int(os.environ.get(THREADS_VARIABLE) or serving_of(folder).threads)
        self._encoder = self.encoder.load(folder, threads)
        self.initialized = True
        if getattr(context, "metrics", None) is not None:
            hand_over(context.metrics, self._encoder.package)
            # TorchServe's worker prints two lines a request, which its JVM reads and parses between answers;
            # answers hold the same times, and its frontend counts requests by itself
            logging.getLogger("ts").setLevel(logging.WARNING)
            logging.getLogger().setLevel(logging.WARNING)
        _log.info("ready", package=self._encoder.package, engine=self._encoder.engine.name, threads=threads)

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Answers every request of a batch."""
        if self._encoder is None:
            raise RuntimeError("handle before initialize")
        return answer_batch(self._encoder, data, context)


def _decode(
    part: dict[str, Any], context: Any, index: int, encoder: Encoder[Any]
) -> tuple[Request | RequestError, bool]:
    header = context.get_request_header(index, "Content-Type") or context.get_request_header(
        index, "content-type"
    )
    body = part.get("body")
    if body is None:
        body = part.get("data")
    try:
        request = decode_request(body, header, encoder.item, encoder.noun)
    except RequestError as error:
        return error, "msgpack" in (header or "").lower()
    return request, request.msgpack


def answer_batch(encoder: Encoder[Any], data: list[dict[str, Any]], context: Any) -> list[bytes]:
    """One answer a request; items of all requests go through the engine together."""
    decoded = [_decode(part, context, index, encoder) for index, part in enumerate(data)]
    items: list[Any] = []
    for request, _ in decoded:
        if isinstance(request, Request):
            items += [item for item in request.items if not isinstance(item, str)]
    encoded = encoder.encode(items)
    answers, taken = [], 0
    for index, (request, msgpack) in enumerate(decoded):
        context.set_response_content_type(index, MSGPACK if msgpack else JSON)
        if isinstance(request, RequestError):
            context.set_response_status(request.status, "Bad Request", index)
            answers.append(encode_refusal(request, msgpack))
            continue
        part = _part(request, encoded, taken, encoder.dim)
        taken += sum(not isinstance(item, str) for item in request.items)
        answers.append(
            encode_answer(
                request, encoder.package, encoder.engine.name, part, reads_posters=encoder.reads_posters
            )
        )
    return answers


def _part(request: Request, encoded: Encoded, start: int, dim: int) -> Encoded:
    """The results of one request in its own order, items that could not be read among them."""
    vectors = np.zeros((len(request.items), dim), dtype=np.float32)
    errors: list[str | None] = []
    for i, item in enumerate(request.items):
        if isinstance(item, str):
            errors.append(item)
        else:
            vectors[i] = encoded.vectors[start]
            errors.append(encoded.errors[start])
            start += 1
    return Encoded(vectors, errors, encoded.timings_ms)
