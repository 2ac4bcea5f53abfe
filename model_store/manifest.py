"""``manifest.json``: what a package is, what it was made of, and a SHA-256 of each of its files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal

import msgspec

from handlers.checksums import file_sha256
from handlers.signatures import SIGNATURE_FILE
from model_store.exceptions import ModelStoreError, PackageBrokenError

SCHEMA = 1
MANIFEST_FILE = "manifest.json"

_NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,39}$")
_VERSION = re.compile(r"^[a-z0-9][a-z0-9.]{0,19}$")


class TrainingData(msgspec.Struct, frozen=True, kw_only=True):
    """What a package was trained on."""

    name: str
    fingerprint: str
    """SHA-256 over ratings and films in the order of their ids."""
    ratings: int
    users: int
    items: int
    cut_off_ms: int
    """Newest event time among the ratings, ms since 1970: nothing later was seen."""


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """An input or output of the model."""

    dtype: str
    shape: tuple[str | int, ...]
    """Names for sizes that vary, with their range in ``range``."""
    range: dict[str, tuple[int, int]] = {}


class File(msgspec.Struct, frozen=True):
    """One file of a package."""

    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A package. ``kind`` is ``source`` (what training made) or ``built`` (what serves)."""

    schema: int
    kind: Literal["source", "built"]
    name: str
    version: str
    dim: int
    id_namespace: str
    source_commit: str = ""
    data: TrainingData
    parameters: dict[str, float | int | str] = {}
    """Everything chosen in training, by hand or on validation."""
    metrics: dict[str, float] = {}
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    licences: dict[str, str] = {}
    """Whose terms hold for what."""
    built_from: str = ""
    """Digest of the source package; of built ones."""
    built_with: dict[str, str] = {}
    """Versions of the libraries that built it; of built ones."""
    files: dict[str, File] = {}

    @property
    def reference(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, and by its checksums of every file: names this package and no other."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


def check_names(name: str, version: str) -> None:
    """Checks that a name and a version can stand in paths, topics and URLs.

    Raises:
        ModelStoreError: if they cannot.
    """
    if not _NAME.match(name):
        raise ModelStoreError(f"{name!r} is no package name: use 1 to 40 of a-z, 0-9 and -")
    if not _VERSION.match(version):
        raise ModelStoreError(f"{version!r} is no version: use 1 to 20 of a-z, 0-9 and .")


def describe_files(folder: Path) -> dict[str, File]:
    """Every file in ``folder`` but the manifest and its signature."""
    beside = (folder / MANIFEST_FILE, folder / SIGNATURE_FILE)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path not in beside)
    return {str(path.relative_to(folder)): File(file_sha256(path), path.stat().st_size) for path in paths}


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Writes ``manifest.json``, indented: people read it and git compares it."""
    encoded = msgspec.json.encode(manifest, order="deterministic")
    (folder / MANIFEST_FILE).write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the package in ``folder``.

    Raises:
        PackageBrokenError: if it is missing, torn or of a newer schema.
    """
    path = folder / MANIFEST_FILE
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PackageBrokenError(f"{path} cannot be read: {error}") from None
    return decode_manifest(raw, str(path))


def decode_manifest(raw: bytes, path: str) -> Manifest:
    """The manifest that ``raw`` holds; ``path`` is for messages.

    Raises:
        PackageBrokenError: if it is torn, of a newer schema, or names a file outside its package.
    """
    try:
        schema = msgspec.json.decode(raw, type=dict[str, object]).get("schema")
        if not isinstance(schema, int) or schema > SCHEMA:
            raise PackageBrokenError(f"{path} has schema {schema}; this Marquee knows {SCHEMA}: upgrade it")
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        raise PackageBrokenError(f"{path} cannot be read: {error}") from None
    for name in manifest.files:
        # files are fetched by these names: none may lead out of the folder
        if not name or name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise PackageBrokenError(f"{path} names {name!r}, which is no file of a package")
    return manifest
