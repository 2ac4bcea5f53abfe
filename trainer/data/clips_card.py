"""The data card of a folder of clips; nothing but headers is read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from trainer.data.cards import spread
from trainer.data.clips import clips_of


def describe_clips(folder: Path) -> dict[str, Any]:
    """Figures of the clips in ``folder``.

    Raises:
        DataError: as :func:`trainer.data.clips.clips_of`.
    """
    clips = clips_of(folder)
    seconds = [clip.duration_s for clip in clips if clip.duration_s is not None]
    return {
        "layout": "clips",
        "clips": len(clips),
        "clips_with": {
            "sound": sum(clip.has_audio for clip in clips),
            "duration": len(seconds),
            "frame_rate": sum(clip.frames_per_second > 0 for clip in clips),
        },
        "seconds": round(sum(seconds), 2),
        "seconds_per_clip": {k: round(v, 2) for k, v in spread(seconds).items()} if seconds else {},
        "bytes": sum(clip.path.stat().st_size for clip in clips),
        "kinds": _counted([clip.path.suffix.lower().lstrip(".") for clip in clips]),
        "sizes_in_pixels": _counted([f"{clip.width}x{clip.height}" for clip in clips]),
        "frames_per_second": _counted([f"{round(clip.frames_per_second, 2):g}" for clip in clips]),
    }


def _counted(values: list[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())
