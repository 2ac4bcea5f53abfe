"""Paths whose segments are ids: a slash within an id must not split it. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

SLASH: Final = "\x1f"
"""Stands for a slash within an id while routes are matched; no id may hold this character itself."""


def route_path(raw_path: bytes) -> str | None:
    """The decoded path, a slash within a segment written as :data:`SLASH`; None if it is no path of ours."""
    segments = [unquote_to_bytes(segment) for segment in raw_path.split(b"/")]
    if any(SLASH.encode() in segment for segment in segments):
        return None
    try:
        return "/".join(segment.decode().replace("/", SLASH) for segment in segments)
    except UnicodeDecodeError:
        return None


def segment_id(segment: str) -> str:
    """The id in a segment of :func:`route_path`."""
    return segment.replace(SLASH, "/")
