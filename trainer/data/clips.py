"""Video clips, say trailers: what is in a folder of them, and their frames as training takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from handlers.pixels import resize
from trainer.data.clip_files import SUFFIXES, clip_files
from trainer.data.posters import Array, cached_array
from trainer.data.video import opened, timed_frames
from trainer.exceptions import DataError

PER_SECOND, HEIGHT, WIDTH = 1.0, 224, 224
"""How a clip is sampled by default: a frame a second, at the size that image networks take."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """One video file, as its header describes it."""

    path: Path
    duration_s: float | None
    """Of the longest of its streams; ``None`` where the header does not say (recordings of browsers)."""
    width: int
    height: int
    """Pixels of a frame as stored: a turn that a player would apply is not."""
    frames_per_second: float
    """On average; 0 where it is not known."""
    has_audio: bool


def clips_of(folder: Path) -> list[Clip]:
    """Every clip in ``folder``, sorted by name; only headers are read.

    Raises:
        DataError: if there is none, or naming a file that is no video.
    """
    if not folder.is_dir():
        raise DataError(folder, "is no folder")
    files = clip_files(folder)
    if not files:
        raise DataError(folder, f"holds no clip (*{', *'.join(SUFFIXES)})")
    return [_clip(path) for path in files]


def _clip(path: Path) -> Clip:
    with opened(path) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate
        return Clip(
            path=path,
            duration_s=None if container.duration is None else container.duration / 1_000_000,
            width=stream.width,
            height=stream.height,
            frames_per_second=float(rate or 0),
            has_audio=bool(container.streams.audio),
        )


def stills(
    clip: Clip, per_second: float = PER_SECOND, height: int = HEIGHT, width: int = WIDTH
) -> Iterator[Pixels]:
    """What a viewer sees at 0, 1/per_second, 2/per_second ... seconds: each uint8 [height, width, 3], RGB.

    The film is decoded as it goes, one frame in memory; a frame is stretched to the size, antialiased.

    Raises:
        DataError: naming the file, after the frames before the fault, if it breaks off or is no video.
        ValueError: if ``per_second`` is not above 0.
    """
    if not per_second > 0:
        raise ValueError(f"per_second is {per_second}, not above 0")
    step, due = 1 / Fraction(per_second), Fraction(0)
    shown: VideoFrame | None = None
    start = end = Fraction(0)
    for timed in timed_frames(clip.path):
        while shown is not None and due < timed.start:
            yield _pixels(shown, height, width)
            due += step
        shown, start, end = timed.frame, timed.start, timed.end
    while shown is not None and (due <= start or due < end):
        yield _pixels(shown, height, width)
        due += step


def _pixels(frame: VideoFrame, height: int, width: int) -> Pixels:
    return resize(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False), height, width)


def frames(clip: Clip, per_second: float = PER_SECOND, height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    """All of :func:`stills`, uint8 [n, height, width, 3]: 150 kB a second of film at the defaults.

    Raises:
        DataError, ValueError: as :func:`stills`.
    """
    return np.stack(list(stills(clip, per_second, height, width)))


def cached_frames(
    clip: Clip, cache: Path, per_second: float = PER_SECOND, height: int = HEIGHT, width: int = WIDTH
) -> Pixels:
    """:func:`frames`, mapped from a file in ``cache`` that is named for the clip's content.

    Raises:
        DataError, ValueError: as :func:`stills`.
    """
    name = f"clip-{_digest(clip.path)[:24]}-{float(per_second)}-{height}x{width}.npy"
    found = _kept(cache / name, (height, width, 3))
    if found is None:
        made = frames(clip, per_second, height, width)
        found = cached_array(cache / name, made.shape, made.dtype, lambda into: np.copyto(into, made))
    return found.astype(np.uint8, copy=False)


def _kept(path: Path, shape: tuple[int, ...]) -> Array | None:
    # how many frames there are is known only when they are decoded: the file itself says it
    try:
        found: Array = np.load(path, mmap_mode="r")
    except (OSError, ValueError):
        return None  # not there or torn: made anew
    return found if found.shape[1:] == shape and found.dtype == np.uint8 else None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from None
