"""Clips: what a viewer sees at each moment, in order; what is no film or breaks off is named by its file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.unit.trainer.data.made_clips import BLUE, GREEN, RED, Colour, made_clip, no_frames, only_sound
from trainer.data.clips import Clip, Pixels, cached_frames, clips_of, frames, stills
from trainer.data.video import timed_frames
from trainer.exceptions import DataError

VIDEO = Path(os.environ.get("MARQUEE_DATA", "../shared/data")) / "video"


def clip(path: Path) -> Clip:
    return next(found for found in clips_of(path.parent) if found.path == path)


def colours(pixels: Pixels) -> list[Colour]:
    """Which of the known colours each frame [n, h, w, 3] is nearest to; every pixel must be near."""
    known = np.array([RED, GREEN, BLUE])
    found = []
    for frame in pixels.astype(int):
        nearest = int(np.abs(known - frame.reshape(-1, 3).mean(axis=0)).sum(axis=1).argmin())
        assert np.abs(frame - known[nearest]).max() < 20
        found.append((RED, GREEN, BLUE)[nearest])
    return found


def test_clips_of_a_folder_are_described_by_their_headers(tmp_path: Path) -> None:
    made_clip(tmp_path / "b.mp4", sound=True)
    made_clip(tmp_path / "a.MKV")
    made_clip(tmp_path / "d.webm", codec="libvpx", size=(32, 32))
    made_clip(tmp_path / "c.mov")
    (tmp_path / "notes.txt").write_text("none of them")
    found = clips_of(tmp_path)
    assert [one.path.name for one in found] == ["a.MKV", "b.mp4", "c.mov", "d.webm"]
    assert [one.has_audio for one in found] == [False, True, False, False]
    assert [(one.width, one.height) for one in found] == [(64, 48)] * 3 + [(32, 32)]
    for one in found:
        assert one.duration_s is not None
        assert 2.0 < one.duration_s < 3.1
        assert one.frames_per_second > 0


def test_frames_are_rgb_in_order_and_of_the_asked_size(tmp_path: Path) -> None:
    made = clip(made_clip(tmp_path / "a.mp4"))
    pixels = frames(made)
    assert (pixels.shape, pixels.dtype) == ((3, 224, 224, 3), np.uint8)
    assert colours(pixels) == [RED, GREEN, BLUE]
    assert frames(made, height=10, width=20).shape == (3, 10, 20, 3)


def test_a_frame_is_what_is_seen_at_that_moment(tmp_path: Path) -> None:
    shown = [RED, RED, GREEN, GREEN, BLUE]
    made = clip(made_clip(tmp_path / "a.mkv", shown, [0, 0.3, 0.5, 0.7, 3.0]))
    # one that stays on the screen is seen as long as it stays
    assert colours(frames(made)) == [RED, GREEN, GREEN, BLUE]
    assert colours(frames(made, per_second=2))[:4] == [RED, GREEN, GREEN, GREEN]
    assert colours(frames(made, per_second=0.1)) == [RED]
    with pytest.raises(ValueError, match="above 0"):
        frames(made, per_second=0)


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    made = clip(made_clip(tmp_path / "a.mkv", times=[5, 6, 7]))
    assert colours(frames(made)) == [RED, GREEN, BLUE]


def test_one_frame_is_a_clip(tmp_path: Path) -> None:
    assert colours(frames(clip(made_clip(tmp_path / "a.mp4", [GREEN], [0])))) == [GREEN]


def test_a_film_is_decoded_as_it_goes(tmp_path: Path) -> None:
    path = made_clip(tmp_path / "a.mkv", [RED, GREEN] * 20, [i / 10 for i in range(40)])
    whole, path_bytes = len(list(timed_frames(path))), path.read_bytes()
    assert whole == 40
    path.write_bytes(path_bytes[: len(path_bytes) // 2])
    read = stills(clip(path), per_second=10, height=8, width=8)
    assert next(read).shape == (8, 8, 3), "frames before the fault come before it is met"
    with pytest.raises(DataError, match="breaks off"):
        list(read)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "mpeg4"), ("a.webm", "libvpx")])
def test_a_torn_file_is_named_with_where_it_stops(tmp_path: Path, name: str, codec: str) -> None:
    times = [i / 10 for i in range(30)]
    path = made_clip(tmp_path / name, [RED, GREEN, BLUE] * 10, times, codec=codec)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(DataError, match=rf"{name}: breaks off after [0-2]\.\d s of [23]\.\d s"):
        frames(clip(path), height=8, width=8)
    # cut anywhere it is refused, and takes nobody with it: the decoder ends the process on some such files
    for size in range(0, len(whole) * 3 // 4, len(whole) // 60):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=name):
            frames(clip(path), height=8, width=8)


@pytest.mark.parametrize("text", ["", "no film\n", "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nother.mp4\n"])
def test_a_text_file_is_no_clip_whatever_its_name(tmp_path: Path, text: str) -> None:
    made_clip(tmp_path / "other.mp4")
    path = tmp_path / "a.mp4"
    path.write_text(text)
    with pytest.raises(DataError, match=r"a\.mp4: is no video that can be read"):
        clips_of(tmp_path)


def test_sound_alone_is_no_clip(tmp_path: Path) -> None:
    only_sound(tmp_path / "a.mp4")
    with pytest.raises(DataError, match=r"a\.mp4: has no video stream"):
        clips_of(tmp_path)


def test_a_file_without_frames_is_refused(tmp_path: Path) -> None:
    path = no_frames(tmp_path / "a.mkv")
    with pytest.raises(DataError, match=r"a\.mkv: holds no frame"):
        frames(clip(path))


def test_what_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made_clip(tmp_path / "a.mkv", [RED, GREEN], [0, 30_000])
    with pytest.raises(DataError, match=r"a\.mkv: has a frame at 30000 s"):
        frames(clip(path))
    monkeypatch.setattr("trainer.data.video.MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(DataError, match=r"a\.mkv: has frames of more than"):
        clips_of(tmp_path)


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no clip"):
        clips_of(tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        clips_of(tmp_path / "none")


def test_frames_are_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, cache = clip(made_clip(tmp_path / "a.mp4")), tmp_path / "cache"
    first = np.array(cached_frames(made, cache, height=8, width=8))
    np.testing.assert_array_equal(first, frames(made, height=8, width=8))
    assert [path.name.startswith("clip-") for path in cache.iterdir()] == [True]
    with monkeypatch.context() as patch:
        patch.setattr("trainer.data.clips.timed_frames", None)
        np.testing.assert_array_equal(cached_frames(made, cache, height=8, width=8), first)
    next(cache.iterdir()).write_bytes(b"\x93NUMPY torn")
    np.testing.assert_array_equal(cached_frames(made, cache, height=8, width=8), first)
    made_clip(made.path, [BLUE, RED], [0, 1])
    assert colours(cached_frames(made, cache, height=8, width=8)) == [BLUE, RED]
    made_clip(made.path, [BLUE] * 30, [i / 10 for i in range(30)])
    made.path.write_bytes(made.path.read_bytes()[:-200])
    kept = set(cache.iterdir())
    with pytest.raises(DataError):
        cached_frames(made, cache)
    assert set(cache.iterdir()) == kept, "half a clip is not kept"


@pytest.mark.data
@pytest.mark.skipif(not VIDEO.is_dir(), reason=f"needs clips in {VIDEO} (MARQUEE_DATA)")
def test_the_real_clips() -> None:
    found = clips_of(VIDEO)
    assert [(one.width, one.height, one.has_audio) for one in found] == [
        (1280, 720, True),
        (480, 204, True),
        (800, 332, True),
    ]
    assert [round(one.duration_s or 0) for one in found] == [5, 52, 71]
    pixels = frames(found[0])
    assert pixels.shape == (6, 224, 224, 3)
    assert pixels.std() > 20, "pictures, not a colour"
