"""Keys and signatures of packages; what they are worth is decided in ``handlers.signatures``."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from handlers.exceptions import SignatureError
from handlers.signatures import SIGNATURE_FILE, Trust, check_signature, key_id, load_private_key, sign
from handlers.trust import read_signature
from model_store.exceptions import PackageBrokenError, PackageExistsError
from model_store.manifest import MANIFEST_FILE
from model_store.store import Package, verify_checksums


def generate_key(path: Path) -> tuple[Path, str]:
    """Writes a private key to ``path`` (mode 0600) and its public key beside it (``.pub.pem``).

    Returns:
        The public key's path, and its id.

    Raises:
        PackageExistsError: either file is there already.
    """
    public_path = path.with_name(path.name.removesuffix(".pem") + ".pub.pem")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for place in (path, public_path):
        if place.exists():
            raise PackageExistsError(f"{place} exists; a key is never overwritten")
    path.parent.mkdir(parents=True, exist_ok=True)
    for place, content, mode in ((path, private, 0o600), (public_path, public, 0o644)):
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    return public_path, key_id(key.public_key().public_bytes_raw())


def sign_package(package: Package, key_file: Path) -> str:
    """Writes ``signature.json`` beside the manifest, over a former one; the id of the key.

    Every file is checked first: who signs vouches for what is there.

    Raises:
        PackageBrokenError: a file of the package is missing or changed, or the key cannot be used.
    """
    verify_checksums(package)
    try:
        key = load_private_key(key_file)
    except SignatureError as error:
        raise PackageBrokenError(str(error)) from None
    signature = sign((package.path / MANIFEST_FILE).read_bytes(), key)
    aside = package.path / f".{SIGNATURE_FILE}.{os.getpid()}"
    aside.write_bytes(signature)
    aside.replace(package.path / SIGNATURE_FILE)
    return key_id(key.public_key().public_bytes_raw())


def signer_of(package: Package) -> str | None:
    """The id of the key that signed ``package``, trusted or not; ``None`` if nobody did.

    Raises:
        PackageBrokenError: the signature is wrong.
    """
    try:
        manifest = (package.path / MANIFEST_FILE).read_bytes()
        return check_signature(manifest, read_signature(package.path), Trust())
    except SignatureError as error:
        raise PackageBrokenError(f"{package.manifest.reference} {error}") from None
