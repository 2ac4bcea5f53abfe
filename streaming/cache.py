"""Where this user's Marquee keeps what can be fetched or computed again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$MARQUEE_CACHE``, ``$XDG_CACHE_HOME/marquee`` or ``~/.cache/marquee``; it need not be there yet."""
    if named := os.environ.get("MARQUEE_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "marquee"
