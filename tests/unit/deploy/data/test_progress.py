"""An import's progress survives a kill, and is believed only where it is this import's."""

from __future__ import annotations

from pathlib import Path

from deploy.data.progress import ProgressFile, fingerprint


def test_a_killed_import_is_found_where_it_was(tmp_path: Path) -> None:
    one = ProgressFile(tmp_path / "imports", "abc", "shipped")
    one.note(items=5)
    one.note(ratings=70)
    one.save()
    assert ProgressFile(tmp_path / "imports", "abc", "shipped").progress.ratings == 70
    assert ProgressFile(tmp_path / "imports", "other", "shipped").progress.ratings == 0


def test_a_finished_import_begins_anew(tmp_path: Path) -> None:
    one = ProgressFile(tmp_path, "abc", "shipped")
    one.note(ratings=70)
    one.finish()
    assert ProgressFile(tmp_path, "abc", "shipped").progress.ratings == 0


def test_a_torn_or_foreign_file_counts_as_none(tmp_path: Path) -> None:
    one = ProgressFile(tmp_path, "abc", "shipped")
    one.note(ratings=70)
    one.save()
    content = one.path.read_bytes()
    one.path.write_bytes(content[: len(content) // 2])
    assert ProgressFile(tmp_path, "abc", "shipped").progress.ratings == 0
    (tmp_path / "def.json").write_bytes(content)
    assert ProgressFile(tmp_path, "def", "shipped").progress.ratings == 0


def test_another_content_or_destination_is_another_import(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text("a")
    first = fingerprint([file], "cluster-1", "topic")
    assert fingerprint([file], "cluster-1", "topic") == first
    assert fingerprint([file], "cluster-2", "topic") != first
    file.write_text("b")
    assert fingerprint([file], "cluster-1", "topic") != first
