"""JSON Schema of ``manifest.json``; ``python -m model_store.schema`` writes it (a test holds it equal)."""

from __future__ import annotations

from pathlib import Path

import msgspec

from model_store.manifest import Manifest

SCHEMA_FILE = Path(__file__).with_name("manifest.schema.json")


def manifest_schema() -> bytes:
    """The schema, as the file is to be."""
    schema = msgspec.json.schema(Manifest)
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Marquee package", **schema}
    return msgspec.json.format(msgspec.json.encode(whole, order="deterministic"), indent=2) + b"\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_bytes(manifest_schema())
