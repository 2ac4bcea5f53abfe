"""Where what belongs to one machine lies: engines compiled here, speeds measured here. Never in a package.

``<models>/../engines/<SHA-256 of model.onnx>/<machine>/``: another model, processor,
torch or :data:`REVISION` finds nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import unquote, urlparse

import msgspec

from handlers.checksums import CHECKSUMS_FILE
from handlers.exceptions import PackageFileError
from handlers.trust import MANIFEST_FILE, MODELS_VARIABLE

ONNX_FILE = "model.onnx"
REVISION = 2
"""Raised whenever what native code takes changes: what was made and measured before is not looked at."""
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimd", "sve")


def cpu_flags() -> list[str]:
    """Those of this processor's instruction sets that engines care for; none where Linux does not say."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    line = next((one for one in text.splitlines() if one.startswith(("flags", "Features"))), "")
    there = set(line.split())
    return [flag for flag in _FLAGS if flag in there]


def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((one.partition(":")[2].strip() for one in lines if one.startswith("model name")), "unknown")


def machine_id() -> str:
    """12 hexadecimal digits of processor, instruction sets, torch and :data:`REVISION`.

    Where all agree, native code fits.
    """
    facts = (
        platform.machine(),
        cpu_name(),
        ",".join(cpu_flags()),
        metadata.version("torch"),
        str(REVISION),
    )
    return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()[:12]


def machine_folder(folder: Path) -> Path | None:
    """Where this machine keeps what it made of the package in ``folder``; ``None`` if nobody says where."""
    models = os.environ.get(MODELS_VARIABLE, "")
    if (folder / MANIFEST_FILE).is_file():
        root = folder.absolute().parents[2]
    elif models:
        root = Path(unquote(urlparse(models).path) if models.startswith("file://") else models).parent
    else:
        return None
    try:
        sums = msgspec.json.decode((folder / CHECKSUMS_FILE).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return None
    onnx = sums.get(ONNX_FILE)
    return None if onnx is None else root / "engines" / onnx[:32] / machine_id()


class Measured(Protocol):
    """What was measured on a machine, as it lies in its folder."""

    @property
    def schema(self) -> int:
        """Its layout's version."""


M = TypeVar("M", bound=Measured)


def kept(folder: Path, name: str, kind: type[M], schema: int, again: str) -> M | None:
    """What :func:`keep` stored as ``name`` for the package in ``folder``; ``None`` if nothing was.

    Args:
        schema: the newest that is known.
        again: what to do where it cannot be read.

    Raises:
        PackageFileError: if it cannot be read or is of a newer schema.
    """
    where = machine_folder(folder)
    path = None if where is None else where / name
    if path is None or not path.is_file():
        return None
    try:
        measured = msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise PackageFileError(f"{path} cannot be read: {error}; {again}") from None
    if measured.schema > schema:
        raise PackageFileError(
            f"{path} has schema {measured.schema}; this Marquee knows {schema}: upgrade it"
        )
    return measured


def keep(folder: Path, name: str, measured: object) -> Path:
    """``measured`` as JSON in this machine's folder for the package in ``folder``; whole or not at all.

    Raises:
        PackageFileError: if ``folder`` holds no built package, or there is no room.
    """
    where = machine_folder(folder)
    if where is None:
        raise PackageFileError(f"{folder} holds no built package; only those are served")
    path, aside = where / name, where / f".{name}.{os.getpid()}"
    try:
        where.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1) + b"\n")
        return aside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise PackageFileError(f"{path} cannot be written: {error.strerror or error}") from None
