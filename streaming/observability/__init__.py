"""Structured logs (user ids hashed) and metrics."""

from streaming.observability.logging import configure_logging, get_logger, user_hash

__all__ = ["configure_logging", "get_logger", "user_hash"]
