"""Video files, read frame by frame: what is no video, or breaks off, is named by its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from handlers.images import MAX_PIXELS
from trainer.exceptions import DataError

MAX_SECONDS = 6 * 3600
"""A frame at a later time than this is taken for a broken clock, not for a film."""

SLACK_S = Fraction(1, 4)
"""How much earlier than its header says a whole file may end: headers round, and count sound's padding."""

_OPTIONS = {"format_whitelist": "mov,matroska", "protocol_whitelist": "file"}
# a playlist is a text file that makes the library fetch what it names: only containers are opened


@dataclass(frozen=True)
class Timed:
    """One decoded frame; times in seconds from the first frame on."""

    start: Fraction
    end: Fraction
    """When the next one is due, as far as the file says; else ``start``."""
    frame: VideoFrame


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file (mp4, mov, mkv or webm), open, and its stream of moving pictures; a cover is none.

    Raises:
        DataError: naming the file, if it is no such file or has no such stream.
    """
    try:
        container = av.open(f"file:{path}", metadata_errors="replace", options=_OPTIONS)
    except av.FFmpegError as error:
        raise DataError(path, f"is no video that can be read: {error.strerror}") from None
    with container:
        yield container, _moving(container, path)


def _moving(container: InputContainer, path: Path) -> VideoStream:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise DataError(path, "has no video stream")
    # without a context the library's decoder would end this process, not raise: of a file that ends within
    # its first frame nothing more is known
    if streams[0].codec_context is None or not streams[0].width or not streams[0].height:
        raise DataError(path, "ends before its first frame, or is in a form that cannot be decoded")
    if streams[0].width * streams[0].height > MAX_PIXELS:
        raise DataError(path, f"has frames of more than {MAX_PIXELS // 1_000_000} million pixels")
    return streams[0]


def timed_frames(path: Path) -> Iterator[Timed]:
    """Every frame of the file in the order of showing, one in memory at a time.

    Raises:
        DataError: naming the file; after the frames that could be decoded, if it breaks off (and where) or
            there was none. As :func:`opened`, too.
    """
    with opened(path) as (container, stream):
        # in one thread: what is broken shows at its frame, and nothing is decoded ahead
        stream.codec_context.thread_count = 1
        first: Fraction | None = None
        last = reached = Fraction(0)
        try:
            for packet in container.demux():
                if packet.is_corrupt:
                    raise _torn(path, container, last)
                reached = max(reached, _end(packet))
                if packet.stream_index != stream.index:
                    continue
                for frame in packet.decode():
                    assert isinstance(frame, VideoFrame)
                    if frame.pts is None or frame.time_base is None:
                        raise DataError(path, f"has a frame without a time after {float(last):.1f} s")
                    time = frame.pts * frame.time_base
                    first = time if first is None else first
                    last = max(last, time - first)  # never back, should a broken clock say so
                    if last > MAX_SECONDS:
                        raise DataError(path, f"has a frame at {float(last):.0f} s, after {MAX_SECONDS} s")
                    end = last + max(frame.duration, 0) * frame.time_base
                    yield Timed(last, min(end, Fraction(MAX_SECONDS)), frame)
        except av.FFmpegError:
            raise _torn(path, container, last) from None
        # Matroska that was cut just ends. Sound may go on after the pictures, so every stream counts; the
        # length in its header reaches from 0 to the end, also where the first frame comes later
        if container.duration is not None and reached < _seconds(container) - SLACK_S:
            raise _torn(path, container, last)
        if first is None:
            raise DataError(path, "holds no frame")


def _end(packet: Packet[Stream]) -> Fraction:
    if packet.pts is None or packet.time_base is None:
        return Fraction(0)
    return (packet.pts + (packet.duration or 0)) * packet.time_base


def _seconds(container: InputContainer) -> Fraction:
    return Fraction(container.duration or 0, av.time_base)


def _torn(path: Path, container: InputContainer, last: Fraction) -> DataError:
    whole = f" of {float(_seconds(container)):.1f} s" if container.duration is not None else ""
    return DataError(path, f"breaks off after {float(last):.1f} s{whole}")
