"""Where packages lie and how they are found: ``name@version``, or ``name`` for its newest version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from handlers.checksums import verify_files
from handlers.exceptions import PackageFileError
from model_store.exceptions import ModelStoreError, PackageBrokenError, PackageNotFoundError
from model_store.manifest import MANIFEST_FILE, Manifest, check_names, read_manifest

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


def find(reference: str, built_url: str | Path) -> Package:
    """The built package ``name@version`` or the newest ``name`` under ``built_url``; its files verified.

    Raises:
        PackageNotFoundError: if it is not built.
        PackageBrokenError: if a file of it is missing or changed.
    """
    package = _pick(list_built(built_url), reference, str(built_url))
    verify(package)
    return package


def read_built(root: Path, name: str, version: str) -> Package | None:
    """The package ``name@version`` under ``root``, its files not yet verified; ``None`` if it is not built.

    Raises:
        PackageBrokenError: if its manifest is missing or torn.
    """
    path = root / name / version
    return Package(path, read_manifest(path)) if path.is_dir() else None


def verify(package: Package) -> None:
    """Checks every file of a package against its manifest.

    Raises:
        PackageBrokenError: naming the first that is missing or changed.
    """
    try:
        verify_files(package.path, {name: file.sha256 for name, file in package.manifest.files.items()})
    except PackageFileError as error:
        raise PackageBrokenError(str(error)) from None
