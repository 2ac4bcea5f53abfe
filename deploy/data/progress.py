"""How far an import has come, kept in a small file so that a killed one goes on where it was."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

SCHEMA = 1
SAVE_INTERVAL_S = 0.5


class Progress(msgspec.Struct, kw_only=True):
    """Acknowledged positions of one import into one cluster; everything before them is in Kafka."""

    schema: int = SCHEMA
    fingerprint: str
    source: str
    items: int = 0
    ratings: int = 0
    finished: bool = False
    updated_at: float = 0.0


def fingerprint(files: Iterable[Path], *identity: str) -> str:
    """32 hexadecimal digits of the contents of ``files`` and of where they go (cluster, topics)."""
    digest = hashlib.sha256()
    for part in identity:
        digest.update(part.encode() + b"\x00")
    for path in files:
        with path.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:32]


class ProgressFile:
    """Reads and writes the progress of one import under ``folder``.

    Written aside and renamed, so that a kill leaves the old or the new one; a torn or foreign file
    counts as none, which only costs time: sending a rating again changes nothing.
    """

    def __init__(self, folder: Path, name: str, source: str) -> None:
        self.path = folder / f"{name}.json"
        self.progress = Progress(fingerprint=name, source=source)
        self._saved = 0.0
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=Progress)
        except (OSError, msgspec.MsgspecError):
            return
        if found.schema == SCHEMA and found.fingerprint == name and not found.finished:
            self.progress = found

    def note(self, *, items: int | None = None, ratings: int | None = None) -> None:
        """Take down positions; to the disk at most twice a second."""
        if items is not None:
            self.progress.items = items
        if ratings is not None:
            self.progress.ratings = ratings
        if time.monotonic() - self._saved >= SAVE_INTERVAL_S:
            self.save()

    def finish(self) -> None:
        """Note that all is acknowledged: the next import of the same data begins anew."""
        self.progress.finished = True
        self.save()

    def save(self) -> None:
        """To the disk, now."""
        self.progress.updated_at = time.time()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_suffix(f".{os.getpid()}.tmp")
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(self.progress)))
        aside.replace(self.path)
        self._saved = time.monotonic()
