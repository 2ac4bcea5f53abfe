"""Packages: immutable, versioned, checksummed models; how they are built, verified and found.

A reference is ``name@version``, or ``name`` for its newest version.
"""

from model_store.build import build
from model_store.exceptions import (
    ModelStoreError,
    NoRoomError,
    PackageBrokenError,
    PackageExistsError,
    PackageNotFoundError,
)
from model_store.manifest import Manifest, read_manifest
from model_store.remote import list_remote, publish_to, pull
from model_store.signing import generate_key, sign_package, signer_of
from model_store.store import (
    BuiltPackage,
    Package,
    find,
    find_source,
    list_built,
    list_sources,
    locate,
    remove,
    verify,
)

__all__ = [
    "BuiltPackage",
    "Manifest",
    "ModelStoreError",
    "NoRoomError",
    "Package",
    "PackageBrokenError",
    "PackageExistsError",
    "PackageNotFoundError",
    "build",
    "find",
    "find_source",
    "generate_key",
    "list_built",
    "list_remote",
    "list_sources",
    "locate",
    "publish_to",
    "pull",
    "read_manifest",
    "remove",
    "sign_package",
    "signer_of",
    "verify",
]
