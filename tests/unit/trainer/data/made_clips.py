"""Small clips of known colours, made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

Colour = tuple[int, int, int]
RED, GREEN, BLUE = (200, 30, 30), (30, 160, 30), (30, 30, 200)


def made_clip(
    path: Path,
    colours: Sequence[Colour] = (RED, GREEN, BLUE),
    times: Sequence[float] = (0, 1, 2),
    sound: bool = False,
    size: tuple[int, int] = (64, 48),
    codec: str = "mpeg4",
) -> Path:
    """A clip whose frames have ``colours``, shown from ``times`` on (seconds, in tenths)."""
    # the index of an mp4 stands first, so that one that was cut can still be opened
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as out:
        stream = out.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        if sound:
            _silence(out)
        for colour, time in zip(colours, times, strict=True):
            frame = av.VideoFrame.from_ndarray(
                np.full((size[1], size[0], 3), colour, np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = round(time * 10), Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def _silence(out: av.container.OutputContainer) -> None:
    stream = out.add_stream("aac", rate=8000)
    assert isinstance(stream, av.AudioStream)
    stream.layout = "mono"
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 8000, 0
    out.mux(stream.encode(frame))
    out.mux(stream.encode())


def only_sound(path: Path) -> Path:
    """A file without pictures."""
    with av.open(str(path), "w") as out:
        _silence(out)
    return path


def no_frames(path: Path) -> Path:
    """A file with sound whose header promises pictures, of which there are none."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        _silence(out)
    return path
