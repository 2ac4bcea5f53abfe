"""Putting a finished folder in its place: all of it or nothing, and never over another."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model_store.exceptions import NoRoomError, PackageExistsError

ABANDONED_S = 6 * 3600
"""A folder that is still being written after this long belongs to a process that died."""


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and what it came of: libraries wrap what the disk said in errors of their own."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


@contextmanager
def aside(root: Path, name: str, version: str) -> Iterator[Path]:
    """An empty folder beside the final place, on the same file system; gone afterwards unless published.

    Raises:
        NoRoomError: the disk, a quota or a limit on files is full.
    """
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    folder = Path(tempfile.mkdtemp(prefix=f".writing-{name}-{version}-", dir=root))
    try:
        folder.chmod(0o755)
        yield folder
    except Exception as error:
        if any(isinstance(one, OSError) and one.errno in FULL for one in _causes(error)):
            raise NoRoomError(f"no room for {name}@{version} in {root}: {error}") from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, root: Path, name: str, version: str) -> Path:
    """Renames ``folder`` to ``root/name/version``: who comes first wins, the other is told.

    Raises:
        PackageExistsError: if that version is there already.
    """
    final = root / name / version
    final.parent.mkdir(parents=True, exist_ok=True)
    for path in folder.rglob("*"):
        if path.is_file():
            _sync(path)
    try:
        # renaming onto a folder that holds anything fails, so two publishers cannot both succeed
        folder.rename(final)
    except OSError:
        if final.exists():
            raise PackageExistsError(
                f"{name}@{version} exists in {root}; a version is never overwritten"
            ) from None
        raise
    _sync(final.parent)
    return final


def remove(folder: Path) -> None:
    """Removes a published package: out of sight in one step, then file by file."""
    hidden = folder.with_name(f".writing-{folder.name}-{os.getpid()}-{time.monotonic_ns()}")
    folder.rename(hidden)
    shutil.rmtree(hidden)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(root: Path) -> None:
    for left in root.glob(".writing-*"):
        try:
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)
        except FileNotFoundError:
            continue
