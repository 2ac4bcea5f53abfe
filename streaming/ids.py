"""Which ids are allowed: 1 to 64 bytes of UTF-8 without control characters (DESIGN section 1)."""

from __future__ import annotations

import unicodedata

MAX_ID_BYTES = 64


def id_problem(value: str) -> str | None:
    """Why ``value`` is not a valid user or item id, or ``None`` if it is one.

    For whoever asks or takes something away; what brings something in is held to :func:`new_id_problem`.
    """
    if not value:
        return "is empty"
    if value.isascii():
        # the hot path: one check for length, one for printability
        if len(value) > MAX_ID_BYTES:
            return f"is longer than {MAX_ID_BYTES} bytes"
        return None if value.isprintable() else "contains a control character"
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "is not valid UTF-8"
    if size > MAX_ID_BYTES:
        return f"is longer than {MAX_ID_BYTES} bytes"
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        return "contains a control character"
    return None


def new_id_problem(value: str) -> str | None:
    """Why nothing may be stored under ``value``, or ``None``.

    Beyond :func:`id_problem`, white space at an end: nobody sees it, and two ids look like one. What was
    stored under such an id before can still be removed and erased.
    """
    if problem := id_problem(value):
        return problem
    return None if value == value.strip() else "begins or ends with white space"
