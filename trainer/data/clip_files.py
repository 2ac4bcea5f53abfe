"""Which files are video clips, told by their names alone."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (".mkv", ".mov", ".mp4", ".webm")


def clip_files(folder: Path) -> list[Path]:
    """The files directly in ``folder`` that are clips by their name's ending, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def is_clips(path: Path) -> bool:
    """Whether ``path`` is a folder with a clip in it."""
    return path.is_dir() and bool(clip_files(path))
