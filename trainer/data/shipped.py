"""The data that come with Marquee: ``ml-latest-small`` with abstracts and poster URLs, one small file.

GroupLens' terms (non-commercial, see its README) and CC BY-SA (the abstracts, see ATTRIBUTION.txt) hold
for them, not Apache-2.0.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tarfile
import tempfile
from importlib import resources
from pathlib import Path

from streaming.cache import cache_folder
from trainer.exceptions import DataError

SHIPPED = "shipped"
"""What commands take instead of a path to mean this data."""

NAME = "ml-latest-small"


def archive_path() -> Path:
    """The shipped file."""
    return Path(str(resources.files("model_store"))) / "data" / f"{NAME}.tar.xz"


def poster_frames() -> list[Path]:
    """The shipped poster images: frames of Blender's open films (CC BY, see ATTRIBUTION.txt beside them)."""
    return sorted((archive_path().parent / "frames").glob("*.webp"))


def frozen_folder() -> Path:
    """Where what frozen encoders say of films is kept."""
    return cache_folder() / "frozen"


def rows_folder() -> Path:
    """Where finished parts of rows are kept that are not finished themselves."""
    return cache_folder() / "rows"


def open_shipped(cache: Path | None = None) -> Path:
    """A folder of the ``ml-latest`` layout with the shipped data; opened once, then reused.

    Raises:
        DataError: if the shipped file is missing or torn.
    """
    archive = archive_path()
    try:
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise DataError(archive, f"the shipped data cannot be read: {error.strerror}") from None
    folder = (cache or cache_folder()) / f"{NAME}-{digest}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            aside = Path(tempfile.mkdtemp(dir=folder.parent))
            try:
                with tarfile.open(archive, "r:xz") as tar:
                    tar.extractall(aside, filter="data")
                (aside / NAME).rename(folder)
            except (tarfile.TarError, EOFError, OSError) as error:
                raise DataError(archive, f"cannot be opened: {error}") from None
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    return folder


def resolve(path: str | Path) -> Path:
    """``path`` itself, or the folder of the shipped data if it says ``shipped``.

    Raises:
        DataError: if nothing is there.
    """
    if str(path) == SHIPPED:
        return open_shipped()
    found = Path(path)
    if not found.exists():
        raise DataError(found, "does not exist")
    return found
