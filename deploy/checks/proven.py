"""Files that a package's manifest vouches for: what training and building made, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

from model_store.exceptions import ModelStoreError
from model_store.manifest import MANIFEST_FILE, read_manifest


class ProvenFiles:
    """Checksums that the manifests under some folders name.

    A package is built from films and weights and never changes after; a file that still is what its manifest
    says, or a copy of one, holds nothing that was written since. Item ids in it may look like a user's.
    """

    def __init__(self, *roots: Path) -> None:
        self._digests: set[tuple[int, str]] = set()
        for root in roots:
            for path in root.rglob(MANIFEST_FILE):
                try:
                    manifest = read_manifest(path.parent)
                except ModelStoreError:
                    continue
                self._digests |= {(file.bytes, file.sha256) for file in manifest.files.values()}
        self._sizes = {size for size, _ in self._digests}

    def holds(self, path: Path) -> bool:
        """Whether a manifest names exactly these bytes; False for what cannot be read."""
        try:
            if path.stat().st_size not in self._sizes:
                return False
            with path.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
                return (content.tell(), digest) in self._digests
        except OSError:
            return False
