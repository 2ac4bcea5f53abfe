"""Packages through a folder and through a real S3 server: whole or not at all, once, and as signed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from deploy.stack.ports import free_ports
from handlers.signatures import SIGNATURE_FILE, Trust, load_public_keys
from model_store import (
    ModelStoreError,
    PackageBrokenError,
    PackageExistsError,
    PackageNotFoundError,
    find,
    generate_key,
    list_remote,
    locate,
    publish_to,
    pull,
    sign_package,
)
from model_store.manifest import MANIFEST_FILE
from tests.integration.model_store.s3 import BUCKET, S3Server
from tests.integration.services import running
from tests.unit.model_store.packages import put


@pytest.fixture(scope="module")
def s3(stack_dir: Path) -> Iterator[S3Server]:
    server = S3Server(stack_dir / "s3", *free_ports(1), stack_id=str(stack_dir))
    with running(server):
        yield server


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place for packages."""
    if request.param == "folder":
        return (tmp_path / "shared").as_uri()
    server: S3Server = request.getfixturevalue("s3")
    for name, value in server.environment_of_clients.items():
        monkeypatch.setenv(name, value)
    # s3fs keeps one instance, with the credentials of its making
    fsspec.filesystem("s3").clear_instance_cache()
    return f"s3://{BUCKET}/{tmp_path.name}"


def paths(url: str) -> list[str]:
    system, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return [path[len(root) + 1 :] for path in sorted(system.find(root))]


def test_what_is_published_comes_back_as_it_was(url: str, tmp_path: Path) -> None:
    for version in ("2", "10"):
        put(tmp_path / "a", version, version.encode())
        publish_to(locate(f"tiny@{version}", tmp_path / "a"), url)
    assert [m.reference for m in list_remote(url)] == ["tiny@2", "tiny@10"]
    pulled = pull("tiny", url, str(tmp_path / "b"))
    assert pulled.manifest == find("tiny@10", tmp_path / "a").manifest
    assert (find("tiny@10", tmp_path / "b").path / "weights").read_bytes() == b"10"
    assert pull("tiny@10", url, str(tmp_path / "b")).path == pulled.path
    with pytest.raises(PackageNotFoundError):
        pull("tiny@3", url, str(tmp_path / "b"))


def test_without_its_manifest_a_package_is_not_there(url: str, tmp_path: Path) -> None:
    put(tmp_path / "a", "1")
    package = locate("tiny@1", tmp_path / "a")
    publish_to(package, url)
    system, root = fsspec.core.url_to_fs(url)
    system.rm_file(f"{root}/tiny/1/{MANIFEST_FILE}")
    # as a publisher leaves it that was killed before its last step
    assert paths(url) == [f"tiny/1/{package.manifest.digest}/weights"]
    assert list_remote(url) == []
    with pytest.raises(PackageNotFoundError):
        pull("tiny@1", url, str(tmp_path / "b"))
    publish_to(package, url)
    assert pull("tiny@1", url, str(tmp_path / "b")).manifest == package.manifest


def test_a_missing_or_changed_file_is_never_taken_in(url: str, tmp_path: Path) -> None:
    put(tmp_path / "a", "1")
    package = locate("tiny@1", tmp_path / "a")
    publish_to(package, url)
    system, root = fsspec.core.url_to_fs(url)
    file = f"{root}/tiny/1/{package.manifest.digest}/weights"
    system.pipe_file(file, b"weightz")
    with pytest.raises(PackageBrokenError, match="checksum differs"):
        pull("tiny@1", url, str(tmp_path / "b"))
    system.rm_file(file)
    with pytest.raises(PackageBrokenError, match="missing"):
        pull("tiny@1", url, str(tmp_path / "b"))
    assert list((tmp_path / "b").iterdir()) == []


def test_signatures_travel_and_are_checked_on_arrival(url: str, tmp_path: Path) -> None:
    put(tmp_path / "a", "1")
    package = locate("tiny@1", tmp_path / "a")
    public, _ = generate_key(tmp_path / "release.pem")
    trust = Trust(load_public_keys([public]), required=True)
    publish_to(package, url)
    with pytest.raises(PackageBrokenError, match="not signed"):
        pull("tiny@1", url, str(tmp_path / "b"), trust)
    sign_package(package, tmp_path / "release.pem")
    publish_to(package, url)
    assert (pull("tiny@1", url, str(tmp_path / "b"), trust).path / SIGNATURE_FILE).is_file()
    generate_key(tmp_path / "other.pem")
    sign_package(package, tmp_path / "other.pem")
    publish_to(package, url)
    with pytest.raises(PackageBrokenError, match="no trusted key"):
        pull("tiny@1", url, str(tmp_path / "c"), trust)
    assert list((tmp_path / "c").iterdir()) == []


PUBLISH = """
import sys, time
from pathlib import Path
from model_store import PackageExistsError, locate, publish_to
package = locate("tiny@1", sys.argv[1])
Path(sys.argv[3]).write_text("ready")
while not Path(sys.argv[4]).exists():
    time.sleep(0.002)
try:
    publish_to(package, sys.argv[2])
except PackageExistsError:
    print("told")
else:
    print("won")
"""

BUILD = """
import sys, time
from pathlib import Path
from model_store import PackageExistsError
from tests.unit.model_store.packages import put
Path(sys.argv[3]).write_text("ready")
while not Path(sys.argv[4]).exists():
    time.sleep(0.002)
try:
    put(Path(sys.argv[2]), "1", Path(sys.argv[1]).name.encode())
except PackageExistsError:
    print("told")
else:
    print("won")
"""


def race(program: str, arguments: list[list[str]], folder: Path) -> list[str]:
    """What each process says; they begin at the same time."""
    repository = Path(__file__).parents[3]
    flags = [folder / f"ready-{number}" for number in range(len(arguments))]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, *words, str(flag), str(folder / "go")],
            stdout=subprocess.PIPE,
            text=True,
            cwd=repository,
        )
        for words, flag in zip(arguments, flags, strict=True)
    ]
    try:
        while not all(flag.exists() for flag in flags):
            assert all(child.poll() is None for child in children), "a process ended before the race"
        (folder / "go").write_text("")
        return [child.communicate(timeout=120)[0].strip() for child in children]
    finally:
        for child in children:
            child.kill()


def test_of_two_publishing_processes_one_wins_and_the_other_is_told(url: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / name, "1", name.encode())
    said = race(PUBLISH, [[str(tmp_path / name), url] for name in ("a", "b")], tmp_path)
    assert sorted(said) == ["told", "won"]
    winner = pull("tiny@1", url, str(tmp_path / "c"))
    assert (winner.path / "weights").read_text() == ("a", "b")[said.index("won")]
    with pytest.raises(PackageExistsError):
        publish_to(locate("tiny@1", tmp_path / ("a", "b")[said.index("told")]), url)


def test_of_two_building_processes_one_wins_and_the_other_is_told(tmp_path: Path) -> None:
    built = tmp_path / "built"
    said = race(BUILD, [[str(tmp_path / name), str(built)] for name in ("a", "b")], tmp_path)
    assert sorted(said) == ["told", "won"]
    assert (find("tiny@1", built).path / "weights").read_text() == ("a", "b")[said.index("won")]
    assert [path.name for path in built.iterdir()] == ["tiny"]


def test_a_place_that_is_none_is_told(tmp_path: Path) -> None:
    put(tmp_path / "a", "1")
    with pytest.raises(ModelStoreError, match="cannot be opened"):
        publish_to(locate("tiny@1", tmp_path / "a"), "nonsense://models")
