"""Structured logs: one JSON object a line, never a raw user id (DESIGN section 4, rule 7)."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from streaming.settings import Settings

Logger = structlog.stdlib.BoundLogger

QUIET = ("httpx", "httpcore", "pymilvus", "urllib3", "uvicorn.access")
"""Libraries whose lines say nothing that ours do not."""


def get_logger(name: str) -> Logger:
    """A logger bound to ``name``; usable before :func:`configure_logging`."""
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger


def configure_logging(settings: Settings, process: str) -> None:
    """Send every log line of this process, the libraries' too, to stderr as JSON.

    Args:
        process: role and instance, e.g. ``ledger-0``; a field of every line.
    """
    pid = os.getpid()

    def named(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        # a processor, since context variables do not reach other threads
        return {"process": process, "pid": pid} | dict(event)

    shared: list[structlog.typing.Processor] = [
        named,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def user_hash(settings: Settings, user_id: str) -> str:
    """16 hexadecimal digits that stand for a user in logs: an HMAC under the erasure key.

    Without a key the digest is plain SHA-256: still no raw id, but guessable from a list of ids.
    """
    key = settings.erasure.key.get_secret_value().encode()
    if key:
        return hmac.new(key, b"log\x1f" + user_id.encode(), hashlib.sha256).hexdigest()[:16]
    return hashlib.sha256(b"log\x1f" + user_id.encode()).hexdigest()[:16]
