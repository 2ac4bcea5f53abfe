"""Poster bytes by their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from streaming.blobs import BlobStore, CorruptBlobError
from streaming.settings import Settings


def test_what_was_put_comes_back_under_its_hash(tmp_path: Path) -> None:
    store = BlobStore(Settings(blobs_url=str(tmp_path / "blobs")))
    sha = store.put(b"poster")
    assert sha == hashlib.sha256(b"poster").hexdigest()
    assert store.put(b"poster") == sha
    assert store.get(sha) == b"poster"
    assert [p.name for p in (tmp_path / "blobs").rglob("*") if p.is_file()] == [sha]


def test_any_fsspec_url_will_do() -> None:
    store = BlobStore(Settings(blobs_url="memory://posters"))
    assert store.get(store.put(b"x" * 1_000)) == b"x" * 1_000


@pytest.mark.parametrize("sha", ["", "0" * 64, "../../../etc/passwd", "A" * 64])
def test_nothing_is_found_under_other_names(tmp_path: Path, sha: str) -> None:
    assert BlobStore(Settings(blobs_url=str(tmp_path))).get(sha) is None


def test_damaged_bytes_are_never_served(tmp_path: Path) -> None:
    store = BlobStore(Settings(blobs_url=str(tmp_path)))
    sha = store.put(b"poster")
    (tmp_path / "sha256" / sha[:2] / sha).write_bytes(b"posteR")
    with pytest.raises(CorruptBlobError):
        store.get(sha)


def test_a_torn_write_is_mended_by_putting_again(tmp_path: Path) -> None:
    store = BlobStore(Settings(blobs_url=str(tmp_path)))
    sha = store.put(b"poster")
    (tmp_path / "sha256" / sha[:2] / sha).write_bytes(b"pos")
    store.put(b"poster")
    assert store.get(sha) == b"poster"
