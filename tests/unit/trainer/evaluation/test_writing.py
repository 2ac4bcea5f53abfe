"""Text files are there whole, for everybody to read, and leave nothing beside them."""

from __future__ import annotations

from pathlib import Path

from trainer.evaluation.writing import write_text


def test_a_file_is_put_in_the_place_of_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.md"
    for text in ("older and longer", "gr\u00fcn"):
        write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert [one.name for one in path.parent.iterdir()] == ["a.md"]
    assert path.stat().st_mode & 0o777 == 0o644
