"""Where packages lie and how they are found: ``name@version``, or ``name`` for its newest version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlparse

from handlers.checksums import verify_files
from handlers.exceptions import PackageFileError, SignatureError
from handlers.signatures import Trust, check_signature, trust_from_environment
from handlers.trust import read_signature
from model_store.exceptions import ModelStoreError, PackageBrokenError, PackageNotFoundError
from model_store.manifest import MANIFEST_FILE, Manifest, check_names, read_manifest
from model_store.publish import remove as remove_folder

SHIPPED = Path(__file__).parent / "packages"
"""Source packages that come with Marquee."""

SOURCES_VARIABLE = "MARQUEE_PACKAGES"
"""More folders of source packages, looked at first; separated as ``PATH`` is."""


@dataclass(frozen=True)
class Package:
    """A package on disk."""

    path: Path
    manifest: Manifest

    @property
    def archive(self) -> Path:
        """The TorchServe archive of a built package."""
        return self.path / archive_name(self.manifest.name, self.manifest.version)


BuiltPackage = Package


def archive_name(name: str, version: str) -> str:
    """TorchServe copies archives into one folder, so the version is part of the file's name."""
    return f"{name}-{version}.mar"


def local_folder(url: str | Path) -> Path:
    """The folder that ``url`` (a path or ``file://`` URL) names.

    Raises:
        ModelStoreError: for any other kind of URL.
    """
    text = str(url)
    if "://" not in text:
        return Path(text)
    parsed = urlparse(text)
    if parsed.scheme != "file":
        raise ModelStoreError(
            f"{text}: packages lie in a local folder; TorchServe loads its archives from there"
        )
    return Path(unquote(parsed.path))


def version_order(version: str) -> list[tuple[int, int, str]]:
    """Sorts 2 before 10, and 1.9 before 1.10."""
    parts = re.findall(r"\d+|[a-z]+", version)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def split_reference(reference: str) -> tuple[str, str | None]:
    """``name@version`` or ``name``.

    Raises:
        ModelStoreError: if it is neither.
    """
    name, found, version = reference.partition("@")
    check_names(name, version if found else "0")
    return name, version if found else None


def _packages(root: Path) -> Iterator[Package]:
    for manifest in sorted(root.glob(f"*/*/{MANIFEST_FILE}")):
        # what is being written has a name that starts with a dot
        if not any(part.startswith(".") for part in manifest.relative_to(root).parts):
            yield Package(manifest.parent, read_manifest(manifest.parent))


def source_roots(extra: Sequence[Path] = ()) -> list[Path]:
    """Folders of source packages, the first to be looked at first."""
    named = os.environ.get(SOURCES_VARIABLE, "")
    return [*extra, *(Path(one) for one in named.split(os.pathsep) if one), SHIPPED]


def list_sources(extra: Sequence[Path] = ()) -> list[Package]:
    """Every source package, each reference once."""
    found: dict[str, Package] = {}
    for root in source_roots(extra):
        for package in _packages(root):
            found.setdefault(package.manifest.reference, package)
    return _sorted(found.values())


def list_built(built_url: str | Path) -> list[Package]:
    """Every built package under ``built_url``."""
    return _sorted(_packages(local_folder(built_url)))


def _sorted(packages: Iterable[Package]) -> list[Package]:
    return sorted(packages, key=lambda p: (p.manifest.name, version_order(p.manifest.version)))


def _pick(packages: Sequence[Package], reference: str, where: str) -> Package:
    name, version = split_reference(reference)
    fitting = [
        p for p in packages if p.manifest.name == name and (version is None or p.manifest.version == version)
    ]
    if not fitting:
        known = ", ".join(p.manifest.reference for p in packages) or "none"
        raise PackageNotFoundError(f"no package {reference} in {where}; there: {known}")
    return fitting[-1]


def find_source(reference: str, extra: Sequence[Path] = ()) -> Package:
    """The source package ``name@version``, ``name``, or the folder of one if ``reference`` holds a slash.

    Raises:
        PackageNotFoundError: if there is none.
        PackageBrokenError: if a file of it is missing or changed.
    """
    if os.sep in reference:
        package = Package(Path(reference), read_manifest(Path(reference)))
    else:
        where = ", ".join(map(str, source_roots(extra)))
        package = _pick(list_sources(extra), reference, where)
    verify(package)
    return package


def locate(reference: str, built_url: str | Path) -> Package:
    """The built package ``name@version`` or the newest ``name`` under ``built_url``, nothing verified.

    Raises:
        PackageNotFoundError: if it is not built.
    """
    return _pick(list_built(built_url), reference, str(built_url))


def find(reference: str, built_url: str | Path, trust: Trust | None = None) -> Package:
    """As :func:`locate`, signature and files verified.

    Raises:
        PackageNotFoundError: if it is not built.
        PackageBrokenError: as :func:`verify`.
    """
    package = locate(reference, built_url)
    verify(package, trust)
    return package


def read_built(root: Path, name: str, version: str) -> Package | None:
    """The package ``name@version`` under ``root``, its files not yet verified; ``None`` if it is not built.

    Raises:
        PackageBrokenError: if its manifest is missing or torn.
    """
    path = root / name / version
    return Package(path, read_manifest(path)) if path.is_dir() else None


def remove(package: Package) -> None:
    """Removes a built package: out of sight in one step, so that nobody finds half of it. Whether somebody
    needs it is the caller's to know."""
    remove_folder(package.path)


def verify_checksums(package: Package) -> None:
    """Checks every file of a package against its manifest.

    Raises:
        PackageBrokenError: naming the first that is missing or changed.
    """
    try:
        verify_files(package.path, {name: file.sha256 for name, file in package.manifest.files.items()})
    except PackageFileError as error:
        raise PackageBrokenError(str(error)) from None


def verify(package: Package, trust: Trust | None = None) -> str | None:
    """Checks the signature, then every file; the id of the key that signed, ``None`` if nobody did.

    Args:
        trust: as the environment says by default. That a signature is required holds for built packages,
            which are loaded; a source package may be built before it is signed.

    Raises:
        PackageBrokenError: a wrong signature or one that is not trusted, none where one is required, or a
            file that is missing or changed.
    """
    try:
        trust = trust_from_environment() if trust is None else trust
        if package.manifest.kind == "source":
            trust = replace(trust, required=False)
        manifest = (package.path / MANIFEST_FILE).read_bytes()
        signer = check_signature(manifest, read_signature(package.path), trust)
    except SignatureError as error:
        raise PackageBrokenError(f"{package.manifest.reference} {error}") from None
    verify_checksums(package)
    return signer
