"""Packages: immutable, versioned, checksummed models; how they are built, verified and found.

A reference is ``name@version``, or ``name`` for its newest version.
"""

from model_store.build import build
from model_store.exceptions import (
    ModelStoreError,
    PackageBrokenError,
    PackageExistsError,
    PackageNotFoundError,
)
from model_store.manifest import Manifest, read_manifest
from model_store.store import BuiltPackage, Package, find, find_source, list_built, list_sources, verify

__all__ = [
    "BuiltPackage",
    "Manifest",
    "ModelStoreError",
    "Package",
    "PackageBrokenError",
    "PackageExistsError",
    "PackageNotFoundError",
    "build",
    "find",
    "find_source",
    "list_built",
    "list_sources",
    "read_manifest",
    "verify",
]
