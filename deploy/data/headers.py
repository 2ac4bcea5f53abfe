"""CloudEvents attributes of what an import sends, in binary mode (DESIGN section 3). Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from streaming.events import JSON

RATING_TYPE, ITEM_TYPE = "marquee.rating", "marquee.item"
SOURCE = "/marquee/data/import"

Headers = list[tuple[str, str | bytes | None]]


def from_ms(event_time_ms: int) -> datetime:
    """The aware time of so many milliseconds since 1970."""
    seconds, milliseconds = divmod(event_time_ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)


def event_headers(kind: str, event_id: str, at: datetime) -> Headers:
    """Headers of one event; the same row of the same import has the same ``ce_id`` every time."""
    return [
        ("ce_specversion", "1.0"),
        ("ce_id", event_id),
        ("ce_source", SOURCE),
        ("ce_type", kind),
        ("ce_time", at.isoformat()),
        ("content-type", JSON),
    ]
