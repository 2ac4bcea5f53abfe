"""Signatures: a package is loaded only as somebody trusted vouched for it, wherever trust is asked for."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from handlers.checksums import CHECKSUMS_FILE, verify_checksums, write_checksums
from handlers.exceptions import PackageFileError, SignatureError
from handlers.signatures import (
    KEYS_VARIABLE,
    REQUIRE_VARIABLE,
    SIGNATURE_FILE,
    Trust,
    load_public_keys,
    trust_from_environment,
    trust_of,
)
from handlers.trust import MODELS_VARIABLE
from model_store import (
    Package,
    PackageBrokenError,
    PackageExistsError,
    find,
    generate_key,
    locate,
    sign_package,
    signer_of,
    verify,
)
from model_store.manifest import MANIFEST_FILE, describe_files, read_manifest, write_manifest
from tests.unit.model_store.packages import put


@pytest.fixture
def key(tmp_path: Path) -> Path:
    generate_key(tmp_path / "keys" / "release.pem")
    return tmp_path / "keys" / "release.pem"


@pytest.fixture
def trusted(key: Path) -> Trust:
    return Trust(load_public_keys([key.with_name("release.pub.pem")]), required=True)


@pytest.fixture
def package(tmp_path: Path) -> Package:
    put(tmp_path / "models", "1")
    return locate("tiny@1", tmp_path / "models")


def test_a_key_is_secret_and_never_overwritten(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    with pytest.raises(PackageExistsError, match="never overwritten"):
        generate_key(key)
    assert key.read_bytes() == before


def test_who_signed_is_known_and_believed_only_if_trusted(
    package: Package, key: Path, trusted: Trust, tmp_path: Path
) -> None:
    with pytest.raises(PackageBrokenError, match="is not signed"):
        verify(package, trusted)
    assert verify(package, Trust()) is None
    signer = sign_package(package, key)
    assert verify(package, trusted) == verify(package, Trust()) == signer_of(package) == signer
    generate_key(tmp_path / "other.pem")
    sign_package(package, tmp_path / "other.pem")
    with pytest.raises(PackageBrokenError, match="no trusted key"):
        verify(package, trusted)
    assert verify(package, Trust()) not in (None, signer)


@pytest.mark.parametrize("required", [True, False])
def test_a_changed_file_needs_a_changed_manifest_which_breaks_the_signature(
    package: Package, key: Path, trusted: Trust, required: bool
) -> None:
    sign_package(package, key)
    (package.path / "weights").write_bytes(b"evil")
    with pytest.raises(PackageBrokenError, match="checksum differs"):
        verify(package, trusted)
    manifest = read_manifest(package.path)
    write_manifest(
        type(manifest)(
            **{
                **{f: getattr(manifest, f) for f in manifest.__struct_fields__},
                "files": describe_files(package.path),
            }
        ),
        package.path,
    )
    for trust in (trusted, Trust((), required)):
        with pytest.raises(PackageBrokenError, match="bad signature"):
            find("tiny@1", package.path.parents[1], trust)
    # without a signature nobody could have seen it: that is what the setting is for
    (package.path / SIGNATURE_FILE).unlink()
    assert find("tiny@1", package.path.parents[1], Trust()).manifest != manifest
    with pytest.raises(PackageBrokenError, match="not signed"):
        find("tiny@1", package.path.parents[1], trusted)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: {**s, "signature": "AAAA"}, "bad signature|cannot be read"),
        (lambda s: {**s, "key": "AAAA"}, "cannot be read"),
        (lambda s: {**s, "schema": 2}, "schema 2"),
        (lambda _: {}, "cannot be read"),
    ],
    ids=["short", "no key", "newer", "empty"],
)
def test_a_torn_signature_is_refused(package: Package, key: Path, change: object, reason: str) -> None:
    sign_package(package, key)
    path = package.path / SIGNATURE_FILE
    path.write_text(json.dumps(change(json.loads(path.read_text()))))  # type: ignore[operator]
    with pytest.raises(PackageBrokenError, match=reason):
        verify(package, Trust())


def test_only_what_was_built_can_be_signed(package: Package, key: Path, tmp_path: Path) -> None:
    (package.path / "weights").write_bytes(b"weightz")
    with pytest.raises(PackageBrokenError, match="checksum differs"):
        sign_package(package, key)
    (tmp_path / "no.pem").write_text("nonsense")
    (package.path / "weights").write_bytes(b"weights")
    with pytest.raises(PackageBrokenError, match="private key"):
        sign_package(package, tmp_path / "no.pem")


def test_trust_begins_with_the_first_key(key: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    public = str(key.with_name("release.pub.pem"))
    assert trust_of("", None) == Trust()
    assert trust_of(public, None).required
    assert not trust_of(public, False).required
    monkeypatch.setenv(KEYS_VARIABLE, public)
    assert trust_from_environment() == trust_of(public, None)
    monkeypatch.setenv(REQUIRE_VARIABLE, "perhaps")
    with pytest.raises(SignatureError, match="true or false"):
        trust_from_environment()
    for wrong in (tmp_path / "missing.pem", tmp_path):
        with pytest.raises(SignatureError):
            trust_of(str(wrong), None)


@pytest.fixture
def unpacked(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What TorchServe unpacked of ``package``: its files and their checksums, not its manifest."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    shutil.copy(package.path / "weights", folder)
    (folder / "config.json").write_text('{"name": "tiny", "version": "1"}')
    write_checksums(folder, ["weights"])
    monkeypatch.setenv(MODELS_VARIABLE, str(package.path.parents[1]))
    return folder


def test_a_worker_loads_nothing_that_is_not_vouched_for(
    unpacked: Path, package: Package, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify_checksums(unpacked)
    monkeypatch.setenv(KEYS_VARIABLE, str(key.with_name("release.pub.pem")))
    with pytest.raises(SignatureError, match="not signed"):
        verify_checksums(unpacked)
    sign_package(package, key)
    verify_checksums(unpacked)
    # another model, with checksums of its own that fit: only the manifest tells
    (unpacked / "weights").write_bytes(b"evil")
    write_checksums(unpacked, ["weights"])
    with pytest.raises(PackageFileError, match=r"is not the file of tiny@1"):
        verify_checksums(unpacked)


def test_a_worker_refuses_a_bad_signature_without_any_setting(
    unpacked: Path, package: Package, key: Path
) -> None:
    sign_package(package, key)
    verify_checksums(unpacked)
    manifest = package.path / MANIFEST_FILE
    manifest.write_bytes(manifest.read_bytes() + b" ")
    with pytest.raises(SignatureError, match="bad signature"):
        verify_checksums(unpacked)


def test_a_worker_that_cannot_find_the_manifest_refuses_where_trust_is_asked_for(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (unpacked / CHECKSUMS_FILE).is_file()
    for elsewhere in ("", str(unpacked / "nowhere")):
        monkeypatch.setenv(MODELS_VARIABLE, elsewhere)
        monkeypatch.delenv(REQUIRE_VARIABLE, raising=False)
        verify_checksums(unpacked)
        monkeypatch.setenv(REQUIRE_VARIABLE, "true")
        with pytest.raises(SignatureError, match="no manifest"):
            verify_checksums(unpacked)
