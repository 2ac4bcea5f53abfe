"""Times as people read them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(ms: int) -> str:
    """Milliseconds since 1970 as date and time of day, to the second, in UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
