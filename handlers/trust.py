"""What a worker checks before it loads anything: that the files at hand are those somebody vouched for.

TorchServe unpacks a package's archive into a folder of its own; the manifest and its signature stay in the
package, whose folder ``MARQUEE_MODELS_URL`` names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlparse

import msgspec

from handlers.exceptions import PackageFileError, SignatureError
from handlers.signatures import SIGNATURE_FILE, Trust, check_signature, trust_from_environment

MODELS_VARIABLE = "MARQUEE_MODELS_URL"
MANIFEST_FILE = "manifest.json"


class _Names(msgspec.Struct):
    name: str
    version: str


class _Sum(msgspec.Struct):
    sha256: str


class _Files(msgspec.Struct):
    name: str
    version: str
    files: dict[str, _Sum]


def read_signature(folder: Path) -> bytes | None:
    """``signature.json`` of the package in ``folder``, if there is one."""
    try:
        return (folder / SIGNATURE_FILE).read_bytes()
    except FileNotFoundError:
        return None


def verify_trust(folder: Path, sums: Mapping[str, str], trust: Trust | None = None) -> str | None:
    """Checks the signature of the package that ``folder`` was unpacked from; the id of the signing key.

    Args:
        sums: SHA-256 of each file in ``folder``, by its name; each must be the manifest's.
        trust: as the environment says by default.

    Raises:
        SignatureError: as :func:`check_signature`; or a signature is required and the package not found.
        PackageFileError: a file is not the one that the manifest names.
    """
    trust = trust_from_environment() if trust is None else trust
    package = _package_of(folder)
    if package is None:
        if trust.required:
            raise SignatureError(f"no manifest to check {folder} against: set {MODELS_VARIABLE}")
        return None
    manifest = (package / MANIFEST_FILE).read_bytes()
    try:
        signer = check_signature(manifest, read_signature(package), trust)
    except SignatureError as error:
        raise SignatureError(f"the package in {package} {error}") from None
    _same_files(folder, package, manifest, sums)
    return signer


def _same_files(folder: Path, package: Path, manifest: bytes, sums: Mapping[str, str]) -> None:
    try:
        known = msgspec.json.decode(manifest, type=_Files)
    except msgspec.MsgspecError as error:
        raise PackageFileError(f"{MANIFEST_FILE} in {package} cannot be read: {error}") from None
    for name, found in sums.items():
        if name not in known.files or known.files[name].sha256 != found:
            raise PackageFileError(f"{name} in {folder} is not the file of {known.name}@{known.version}")


def _package_of(folder: Path) -> Path | None:
    """The folder with the manifest: ``folder`` itself, or where its config's name and version lead."""
    if (folder / MANIFEST_FILE).is_file():
        return folder
    models = os.environ.get(MODELS_VARIABLE, "")
    if not models:
        return None
    try:
        names = msgspec.json.decode((folder / "config.json").read_bytes(), type=_Names)
    except (OSError, msgspec.MsgspecError):
        return None
    root = Path(unquote(urlparse(models).path)) if models.startswith("file://") else Path(models)
    package = root / names.name / names.version
    # a name that leads elsewhere finds nothing
    inside = package.resolve().is_relative_to(root.resolve())
    return package if inside and (package / MANIFEST_FILE).is_file() else None
