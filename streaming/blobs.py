"""Poster bytes by their SHA-256, in a folder or any bucket that fsspec knows (DESIGN section 3)."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import PurePosixPath
from typing import Final

import fsspec

from streaming.exceptions import MarqueeError
from streaming.settings import Settings

_HEX: Final = frozenset("0123456789abcdef")


class CorruptBlobError(MarqueeError):
    """Stored bytes are not those that were put; put them again."""


class BlobStore:
    """Content-addressed: ``sha256/ab/<64 hex digits>`` below ``settings.blobs``.

    A blob is written once, under another name, and then moved: readers see all of it or nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self._fs, root = fsspec.core.url_to_fs(settings.blobs)
        self._root = PurePosixPath(root)

    def put(self, content: bytes) -> str:
        """Store ``content``; its SHA-256 in lower-case hexadecimal. Putting it again is harmless."""
        sha = hashlib.sha256(content).hexdigest()
        path = self._path(sha)
        if self._fs.exists(path) and self._fs.size(path) == len(content):
            return sha
        self._fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        partial = f"{path}.{os.getpid()}.{secrets.token_hex(4)}.part"
        try:
            self._fs.pipe_file(partial, content)
            self._fs.mv(partial, path)
        finally:
            if self._fs.exists(partial):
                self._fs.rm(partial)
        return sha

    def get(self, sha: str) -> bytes | None:
        """The bytes of ``sha``, or None if they were never put (or ``sha`` is no SHA-256).

        Raises:
            CorruptBlobError: if what is stored has another hash.
        """
        if len(sha) != 64 or not set(sha) <= _HEX:
            return None
        try:
            content = bytes(self._fs.cat_file(self._path(sha)))
        except FileNotFoundError:
            return None
        if hashlib.sha256(content).hexdigest() != sha:
            raise CorruptBlobError(f"the stored poster {sha} is damaged")
        return content

    def _path(self, sha: str) -> str:
        return str(self._root / "sha256" / sha[:2] / sha)
