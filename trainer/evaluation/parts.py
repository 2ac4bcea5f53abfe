"""Parts of long rows, kept in the cache as they are finished: a row that was killed goes on with the next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def key_of(*parts: object) -> str:
    """Names a part by all that it is made from: arrays by their bytes, other things by their ``repr``."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}\0".encode())
            # ids are objects: their addresses are not what they say
            plain = part.astype(str) if part.dtype == object else part
            digest.update(np.ascontiguousarray(plain).tobytes())
        else:
            digest.update(f"{part!r}\0".encode())
    return digest.hexdigest()[:24]


def kept(folder: Path, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``make`` returned for ``key`` (as JSON keeps it), from ``folder`` if it was made before."""
    path = folder / f"{key}.json"
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found
    except (OSError, ValueError):
        pass  # not there or torn: made anew
    text = json.dumps(make())
    folder.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    aside.write_text(text)
    aside.replace(path)
    made: dict[str, Any] = json.loads(text)
    return made
