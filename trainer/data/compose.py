"""Composes the shipped data file from its sources; run by hand when they change, never at run time.

    python -m trainer.data.compose DATA model_store/data/ml-latest-small.tar.xz

``DATA`` holds ``ml-latest-small/``, ``ml-1m/movies.dat``, ``plots/ml-1m_dbpedia_abstracts.json`` and
``links/ml-1m_poster_urls.csv``. ML-1M and ml-latest-small number films alike; a text or poster is still
taken only where title and year of both agree, so that a renumbered film never gets another's.
``ATTRIBUTION.txt`` beside the target goes in as it is.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import tarfile
import unicodedata
from pathlib import Path

from trainer.data.catalogue import ABSTRACTS_FILE, POSTERS_FILE
from trainer.data.shipped import NAME
from trainer.data.titles import split_title

COPIED = ("README.txt", "ratings.csv", "movies.csv", "links.csv", "tags.csv")

ATTRIBUTION_FILE = "ATTRIBUTION.txt"


def _words(title: str) -> set[str]:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return set(re.findall(r"[a-z0-9]+", plain)) - {"the", "a", "of", "and", "la", "le", "il", "part"}


def same_film(one: str, other: str) -> bool:
    """Whether two raw MovieLens titles name one film: all words alike, or a word and about the year."""
    (title, year), (title_2, year_2) = split_title(one), split_title(other)
    words, words_2 = _words(title), _words(title_2)
    if words == words_2:
        return True
    return bool(words & words_2) and year is not None and year_2 is not None and abs(year - year_2) <= 2


def compose(data: Path, target: Path) -> dict[str, int]:
    """Writes ``target``; returns counts of what went in. Byte-identical for identical sources."""
    source = data / NAME
    with (source / "movies.csv").open(encoding="utf-8", newline="") as lines:
        ours = {row["movieId"]: row["title"] for row in csv.DictReader(lines)}
    with (data / "ml-1m" / "movies.dat").open(encoding="latin-1") as lines:
        theirs = {line.split("::")[0]: line.split("::")[1] for line in lines}
    agreed = {number for number in ours.keys() & theirs.keys() if same_film(ours[number], theirs[number])}
    abstracts = json.loads((data / "plots" / "ml-1m_dbpedia_abstracts.json").read_text())
    with (data / "links" / "ml-1m_poster_urls.csv").open(encoding="utf-8", newline="") as lines:
        posters = [
            row
            for row in csv.reader(lines)
            if len(row) == 2 and row[0] in agreed and row[1].startswith("http")
        ]
    chosen = {number: abstracts[number].strip() for number in sorted(agreed & abstracts.keys(), key=int)}
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(posters)
    members = {name: (source / name).read_bytes() for name in COPIED} | {
        ABSTRACTS_FILE: json.dumps(chosen, ensure_ascii=False, indent=0).encode(),
        POSTERS_FILE: table.getvalue().encode(),
        ATTRIBUTION_FILE: (target.parent / ATTRIBUTION_FILE).read_bytes(),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:xz", preset=9) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"{NAME}/{name}")
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    return {
        "films": len(ours),
        "abstracts": len(chosen),
        "posters": len(posters),
        "bytes": target.stat().st_size,
    }


if __name__ == "__main__":
    print(compose(Path(sys.argv[1]), Path(sys.argv[2])))
