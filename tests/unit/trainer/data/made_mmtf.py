"""A small MMTF-14K: two films, the second of them in both files of features."""

from __future__ import annotations

from pathlib import Path

from trainer.data.mmtf import AUDIO, VISUAL

HEADER = "\t".join(("movieId", "title", "YTId", "year", "tag", *VISUAL, *AUDIO))


def film(number: str, title: str, year: str = "1949", tags: str = "bd-r", first: str = "0.5") -> str:
    """A line of features: ``first``, then 1 to 126."""
    return "\t".join((number, title, "x", year, tags, first, *map(str, range(1, 127))))


def made_mmtf(folder: Path) -> Path:
    """The four files in ``folder``."""
    folder.mkdir(exist_ok=True)
    storm = film("31337", 'Mortal "Storm", The', "", "classic, war,", "-2.5")
    (folder / "valid_features.tsv").write_text(f"{HEADER}\n{film('30808', 'Iceman')}\n{storm}\n")
    (folder / "test_features.tsv").write_text(f"{HEADER}\n{storm}\n")
    (folder / "valid_labels.tsv").write_text("movieId\tgenres\n31337\tSci_Fi\n")
    (folder / "train_labels.tsv").write_text("movieId\tgenres\n89\tThriller\n")
    return folder
