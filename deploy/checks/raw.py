"""Searching bytes for an id: alone, not as a part of a longer one."""

from __future__ import annotations

import re
from pathlib import Path

CHUNK = 2**20
CONTEXT = 16
"""Bytes before an id that may decide what it is."""


def pattern_of(user_id: str) -> re.Pattern[bytes]:
    """Matches the id where it is no part of a longer id, and not the value of an ``item_id`` in JSON."""
    alone = rb"(?<![0-9A-Za-z_:-])" + re.escape(user_id.encode()) + rb"(?![0-9A-Za-z_:-])"
    return re.compile(rb'(?<!"item_id":")(?<!"item_id": ")' + alone)


def file_mentions(path: Path, user_id: str) -> int:
    """How often the id stands in a file's bytes, alone; 0 for a file that cannot be read."""
    pattern, length = pattern_of(user_id), len(user_id.encode())
    tail, base, decided, count = b"", 0, 0, 0
    try:
        with path.open("rb") as content:
            while True:
                chunk = content.read(CHUNK)
                window, last = tail + chunk, len(chunk) < CHUNK
                # what reaches the edge may go on beyond it: it is looked at again with the next chunk
                edge = len(window) if last else len(window) - 1
                count += sum(
                    base + m.start() >= decided and m.end() <= edge for m in pattern.finditer(window)
                )
                if last:
                    return count
                decided = base + max(0, len(window) - length)
                tail = window[-(length + CONTEXT) :]
                base += len(window) - len(tail)
    except OSError:
        return 0
