"""Real films to judge precision by: some of those that come with Marquee, never those of the probe."""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
from pathlib import Path

from handlers.items import EncodeItem

_SHIPPED = Path(__file__).with_name("data") / "ml-latest-small.tar.xz"
_FOLDER = "ml-latest-small"
_TITLE = re.compile(r"(?P<title>.+) \((?P<year>\d{4})\)\s*")


def some_films(count: int) -> list[EncodeItem]:
    """``count`` films with title, year, genres and text, evenly from the oldest id to the newest."""
    with tarfile.open(_SHIPPED) as shipped:

        def read(name: str) -> str:
            file = shipped.extractfile(f"{_FOLDER}/{name}")
            assert file is not None
            return file.read().decode()

        rows = list(csv.DictReader(io.StringIO(read("movies.csv"))))
        texts: dict[str, str] = json.loads(read("abstracts.json"))
    found = [
        (row, title) for row in rows if row["movieId"] in texts and (title := _TITLE.fullmatch(row["title"]))
    ]
    return [
        EncodeItem(
            title=title["title"],
            year=int(title["year"]),
            genres=tuple(genre for genre in row["genres"].split("|") if not genre.startswith("(")),
            text=texts[row["movieId"]],
        )
        for row, title in (found[i * len(found) // count] for i in range(count))
    ]
