"""Packages in a bucket or a shared folder, by fsspec URL: all of one or nothing, and never over another.

``<url>/<name>/<version>/<digest>/<file>`` holds the files and ``<url>/<name>/<version>/manifest.json`` the
manifest. The manifest goes last and only where there is none, so what is half written is never seen, and of
two publishers of one version one wins; the other's files lie under their own digest and harm nobody.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from handlers.exceptions import SignatureError
from handlers.signatures import SIGNATURE_FILE, Trust, check_signature, trust_from_environment
from model_store.exceptions import (
    ModelStoreError,
    PackageBrokenError,
    PackageExistsError,
    PackageNotFoundError,
)
from model_store.manifest import MANIFEST_FILE, Manifest, decode_manifest
from model_store.publish import aside, publish
from model_store.store import Package, local_folder, read_built, split_reference, verify, version_order

Told = Callable[[str, int, int], None]
"""(file, files done, files in all)"""


def open_url(url: str) -> tuple[Any, str]:
    """The file system of ``url`` and the path in it.

    Raises:
        ModelStoreError: no such protocol, or its library is not installed.
    """
    try:
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise ModelStoreError(f"{url} cannot be opened: {error}") from None
    return system, str(path).rstrip("/")


def publish_to(package: Package, url: str, told: Told = lambda *_: None) -> str:
    """Copies a verified package to ``url``; returns where its manifest lies.

    Publishing the same package again changes nothing, except that a new signature takes the old one's place.

    Raises:
        PackageExistsError: another package has this name and version there.
        PackageBrokenError: the package is not what was built, or its signature is wrong.
        ModelStoreError: the place cannot be written.
    """
    verify(package)
    system, root = open_url(url)
    manifest = package.manifest
    place = posixpath.join(root, manifest.name, manifest.version)
    final = posixpath.join(place, MANIFEST_FILE)
    raw = (package.path / MANIFEST_FILE).read_bytes()
    signature = package.path / SIGNATURE_FILE
    names = [*manifest.files, *([SIGNATURE_FILE] if signature.is_file() else [])]
    try:
        _refuse_another(system, final, manifest)
        for done, name in enumerate(names):
            told(name, done, len(names))
            target = posixpath.join(place, manifest.digest, name)
            if name == SIGNATURE_FILE or not _there(system, target, manifest.files[name].bytes):
                system.makedirs(posixpath.dirname(target), exist_ok=True)
                system.put_file(str(package.path / name), target)
        told(MANIFEST_FILE, len(names), len(names))
        if not system.exists(final):
            _create(system, final, raw)
    except OSError as error:
        _refuse_another(system, final, manifest)
        if not _exists(system, final):
            raise ModelStoreError(f"{url} cannot be written: {error}") from None
    _refuse_another(system, final, manifest)
    return f"{url.rstrip('/')}/{manifest.name}/{manifest.version}/{MANIFEST_FILE}"


def pull(
    reference: str, url: str, built_url: str, trust: Trust | None = None, told: Told = lambda *_: None
) -> Package:
    """Copies a package from ``url`` into the folder of built packages, unless it is there already.

    Signature first, then the files, each against its checksum, then the rename that makes it visible.

    Raises:
        PackageNotFoundError: there is none at ``url``.
        PackageExistsError: the folder holds another package of this name and version.
        PackageBrokenError: the signature is wrong or missing where one is required, or a file is.
        NoRoomError: the disk is full.
        ModelStoreError: the place cannot be read.
    """
    system, root = open_url(url)
    folder = local_folder(built_url)
    trust = trust_from_environment() if trust is None else trust
    manifest, raw = _find(system, root, reference, url)
    present = read_built(folder, manifest.name, manifest.version)
    if present is None:
        with aside(folder, manifest.name, manifest.version) as made:
            _fetch(
                system,
                posixpath.join(root, manifest.name, manifest.version),
                manifest,
                raw,
                trust,
                told,
                made,
            )
            verify(Package(made, manifest), trust)
            try:
                return Package(publish(made, folder, manifest.name, manifest.version), manifest)
            except PackageExistsError:
                present = read_built(folder, manifest.name, manifest.version)
    if present is None or present.manifest.digest != manifest.digest:
        raise PackageExistsError(
            f"{folder} holds another {manifest.reference}; a version is never overwritten"
        )
    verify(present, trust)
    return present


def list_remote(url: str) -> list[Manifest]:
    """The manifest of every package at ``url``, by name and version.

    Raises:
        ModelStoreError: the place cannot be read.
    """
    system, root = open_url(url)
    try:
        paths = system.glob(f"{root}/*/*/{MANIFEST_FILE}")
        found = [decode_manifest(system.cat_file(path), str(path)) for path in paths]
    except OSError as error:
        raise ModelStoreError(f"{url} cannot be read: {error}") from None
    return sorted(found, key=lambda manifest: (manifest.name, version_order(manifest.version)))


def _find(system: Any, root: str, reference: str, url: str) -> tuple[Manifest, bytes]:
    name, version = split_reference(reference)
    if version is None:
        versions = [m.version for m in list_remote(url) if m.name == name]
        if not versions:
            raise PackageNotFoundError(f"no package {name} at {url}")
        version = versions[-1]
    path = posixpath.join(root, name, version, MANIFEST_FILE)
    try:
        raw: bytes = system.cat_file(path)
    except FileNotFoundError:
        raise PackageNotFoundError(f"no package {name}@{version} at {url}") from None
    except OSError as error:
        raise ModelStoreError(f"{url} cannot be read: {error}") from None
    manifest = decode_manifest(raw, path)
    if (manifest.name, manifest.version) != (name, version):
        raise PackageBrokenError(f"{path} is the manifest of {manifest.reference}")
    return manifest, raw


def _fetch(
    system: Any, place: str, manifest: Manifest, raw: bytes, trust: Trust, told: Told, made: Path
) -> None:
    source = posixpath.join(place, manifest.digest)
    try:
        signature: bytes | None = system.cat_file(posixpath.join(source, SIGNATURE_FILE))
    except FileNotFoundError:
        signature = None
    try:
        check_signature(raw, signature, trust)
    except SignatureError as error:
        raise PackageBrokenError(f"{manifest.reference} {error}") from None
    (made / MANIFEST_FILE).write_bytes(raw)
    if signature is not None:
        (made / SIGNATURE_FILE).write_bytes(signature)
    for done, name in enumerate(manifest.files):
        told(name, done, len(manifest.files))
        target = made / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            system.get_file(posixpath.join(source, name), str(target))
        except FileNotFoundError:
            raise PackageBrokenError(f"{name} of {manifest.reference} is missing") from None
    told(MANIFEST_FILE, len(manifest.files), len(manifest.files))


def _create(system: Any, path: str, content: bytes) -> None:
    """Writes ``path`` whole unless it exists; where the store cannot do that in one step, looks first."""
    if isinstance(system, LocalFileSystem):
        aside_path = Path(f"{path}.writing-{os.getpid()}")
        aside_path.write_bytes(content)
        try:
            os.link(aside_path, path)
        finally:
            aside_path.unlink()
        return
    try:
        system.pipe_file(path, content, mode="create")
    except NotImplementedError:
        if not system.exists(path):
            system.pipe_file(path, content)


def _refuse_another(system: Any, final: str, manifest: Manifest) -> None:
    try:
        there = decode_manifest(system.cat_file(final), final)
    except FileNotFoundError:
        return
    if there.digest != manifest.digest:
        raise PackageExistsError(f"{final} is another {manifest.reference}; a version is never overwritten")


def _there(system: Any, path: str, size: int) -> bool:
    try:
        return int(system.info(path)["size"]) == size
    except FileNotFoundError:
        return False


def _exists(system: Any, path: str) -> bool:
    try:
        return bool(system.exists(path))
    except OSError:
        return False
