"""Small packages for tests, published as real ones are."""

from __future__ import annotations

from pathlib import Path

import msgspec

from model_store.manifest import SCHEMA, Manifest, TrainingData, describe_files, write_manifest
from model_store.publish import aside, publish

DATA = TrainingData(name="tiny", fingerprint="ab", ratings=1, users=1, items=1, cut_off_ms=0)


def put(root: Path, version: str, content: bytes = b"weights", name: str = "tiny") -> Path:
    """A built package with one file."""
    with aside(root, name, version) as folder:
        (folder / "weights").write_bytes(content)
        manifest = Manifest(
            schema=SCHEMA, kind="built", name=name, version=version, dim=2, id_namespace="", data=DATA
        )
        write_manifest(msgspec.structs.replace(manifest, files=describe_files(folder)), folder)
        return publish(folder, root, name, version)
