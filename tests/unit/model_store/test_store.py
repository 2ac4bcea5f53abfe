"""Packages: found by reference, verified by checksum, published whole or not at all, never over another."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from model_store import (
    ModelStoreError,
    PackageBrokenError,
    PackageExistsError,
    PackageNotFoundError,
    find,
    find_source,
    list_built,
    list_sources,
    locate,
    remove,
)
from model_store.manifest import MANIFEST_FILE, read_manifest
from model_store.publish import aside
from model_store.schema import SCHEMA_FILE, manifest_schema
from model_store.store import local_folder, version_order
from tests.unit.model_store.packages import put


def test_a_reference_names_a_version_or_the_newest(tmp_path: Path) -> None:
    for version in ("2", "10", "1"):
        put(tmp_path, version)
    assert find("tiny", tmp_path).manifest.version == "10"
    assert find("tiny@2", tmp_path.as_uri()).manifest.version == "2"
    assert [p.manifest.version for p in list_built(tmp_path)] == ["1", "2", "10"]
    for reference in ("tiny@3", "other"):
        with pytest.raises(PackageNotFoundError, match="tiny@10"):
            find(reference, tmp_path)


@pytest.mark.parametrize("reference", ["", "Tiny", "tiny@", "tiny@1/2", "../tiny", "tiny@.1"])
def test_nonsense_references_are_refused(reference: str, tmp_path: Path) -> None:
    with pytest.raises(ModelStoreError):
        find(reference, tmp_path)


def test_versions_sort_as_numbers() -> None:
    assert sorted(["1.10", "1.9", "2", "1", "1.10a"], key=version_order) == ["1", "1.9", "1.10", "1.10a", "2"]


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "1")
    (path / "weights").write_bytes(b"weightz")
    with pytest.raises(PackageBrokenError, match=r"weights.*checksum differs"):
        find("tiny", tmp_path)
    (path / "weights").unlink()
    with pytest.raises(PackageBrokenError, match="weights is missing"):
        find("tiny", tmp_path)


def test_a_torn_manifest_or_one_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "1")
    whole = (path / MANIFEST_FILE).read_text()
    (path / MANIFEST_FILE).write_text(whole[:-20])
    with pytest.raises(PackageBrokenError, match="cannot be read"):
        read_manifest(path)
    (path / MANIFEST_FILE).write_text(whole.replace('"schema": 1', '"schema": 2'))
    with pytest.raises(PackageBrokenError, match="schema 2"):
        read_manifest(path)


def test_what_is_being_written_is_never_seen(tmp_path: Path) -> None:
    with aside(tmp_path, "tiny", "1") as folder:
        (folder / "weights").write_bytes(b"half")
        assert list_built(tmp_path) == []
        with pytest.raises(PackageNotFoundError):
            find("tiny", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_writer_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with aside(tmp_path, "tiny", "1") as folder:
            (folder / "weights").write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_version_is_never_overwritten(tmp_path: Path) -> None:
    path = put(tmp_path, "1", b"first")
    with pytest.raises(PackageExistsError):
        put(tmp_path, "1", b"second")
    assert (path / "weights").read_bytes() == b"first"


def test_of_many_writers_one_wins_and_all_others_are_told(tmp_path: Path) -> None:
    start, results = threading.Barrier(8), []

    def write(number: int) -> None:
        start.wait()
        try:
            put(tmp_path, "1", b"%d" % number)
            results.append(number)
        except PackageExistsError:
            results.append(-1)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [n for n in results if n >= 0]
    assert len(results) == 8
    assert len(winners) == 1
    assert (find("tiny", tmp_path).path / "weights").read_bytes() == b"%d" % winners[0]


def test_the_digest_names_the_content(tmp_path: Path) -> None:
    one = read_manifest(put(tmp_path / "a", "1", b"x"))
    same = read_manifest(put(tmp_path / "b", "1", b"x"))
    other = read_manifest(put(tmp_path / "c", "1", b"y"))
    assert one.digest == same.digest != other.digest


def test_sources_named_first_hide_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "mine", "1", name="item-encoder")
    assert find_source("item-encoder@1", [tmp_path / "mine"]).path == tmp_path / "mine" / "item-encoder" / "1"
    monkeypatch.setenv("MARQUEE_PACKAGES", str(tmp_path / "mine"))
    assert find_source("item-encoder@1").path == tmp_path / "mine" / "item-encoder" / "1"
    path = tmp_path / "mine" / "item-encoder" / "1"
    assert find_source(str(path)).path == path


def test_the_shipped_package_is_whole_and_small() -> None:
    package = find_source("item-encoder@1")
    assert "item-encoder@1" in [p.manifest.reference for p in list_sources()]
    assert sum(file.bytes for file in package.manifest.files.values()) <= 20_000_000
    assert package.manifest.id_namespace == "ml"
    assert "GroupLens" in str(package.manifest.licences)


def test_buckets_are_no_folders_yet() -> None:
    with pytest.raises(ModelStoreError, match="local folder"):
        local_folder("s3://bucket/models")


def test_a_manifest_that_names_files_elsewhere_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "1")
    whole = (path / MANIFEST_FILE).read_text()
    for name in ("../weights", "/etc/passwd", "a/../../b"):
        (path / MANIFEST_FILE).write_text(whole.replace('"weights"', f'"{name}"'))
        with pytest.raises(PackageBrokenError, match="no file of a package"):
            read_manifest(path)


def test_the_committed_schema_is_that_of_the_manifest() -> None:
    assert SCHEMA_FILE.read_bytes() == manifest_schema(), "python -m model_store.schema writes it anew"


def test_a_removed_package_is_gone_and_others_stay(tmp_path: Path) -> None:
    put(tmp_path, "1")
    put(tmp_path, "2")
    remove(locate("tiny@1", tmp_path))
    assert [p.manifest.version for p in list_built(tmp_path)] == ["2"]
    assert [path.name for path in (tmp_path / "tiny").iterdir()] == ["2"]
