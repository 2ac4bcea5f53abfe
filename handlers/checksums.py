"""SHA-256 of a package's files, checked before anything of them is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from handlers.exceptions import PackageFileError
from handlers.trust import verify_trust

CHECKSUMS_FILE = "checksums.json"


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Writes ``checksums.json`` over the named files of ``folder``; returns what it holds."""
    sums = {name: file_sha256(folder / name) for name in sorted(names)}
    (folder / CHECKSUMS_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(sums)))
    return sums


def verify_files(folder: Path, sums: dict[str, str]) -> None:
    """Checks every file that ``sums`` names.

    Raises:
        PackageFileError: naming the first that is missing or changed.
    """
    for name, wanted in sums.items():
        path = folder / name
        if not path.is_file():
            raise PackageFileError(f"{name} is missing from {folder}")
        if file_sha256(path) != wanted:
            raise PackageFileError(f"{name} in {folder} is not what was built: its checksum differs")


def verify_checksums(folder: Path) -> None:
    """Checks ``folder`` against its own ``checksums.json``, and those against the signed manifest.

    Raises:
        PackageFileError: if that is missing or torn, or a file is missing or changed.
        SignatureError: the package's signature is wrong, or missing where one is required.
    """
    try:
        sums = msgspec.json.decode((folder / CHECKSUMS_FILE).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise PackageFileError(f"{CHECKSUMS_FILE} cannot be read: {error}") from None
    verify_files(folder, sums)
    verify_trust(folder, sums)
