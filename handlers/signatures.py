"""Ed25519 signatures (RFC 8032) of manifests: who vouches for a package. Reads key files, else pure.

The manifest holds a SHA-256 of every file, so one signature over its bytes covers the whole package.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from handlers.exceptions import SignatureError

SIGNATURE_FILE = "signature.json"
SCHEMA = 1
CONTEXT = b"marquee package manifest\n"
"""Precedes what is signed, so that a signature made for something else is never taken for one of ours."""

KEYS_VARIABLE, REQUIRE_VARIABLE = "MARQUEE_TRUST__KEYS", "MARQUEE_TRUST__REQUIRE"


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """``signature.json``: beside the manifest, since it cannot lie within what it covers."""

    schema: int = SCHEMA
    key: str
    """The public key, 32 bytes in Base64."""
    signature: str
    """64 bytes in Base64."""


@dataclass(frozen=True)
class Trust:
    """Whose packages may be loaded.

    ``keys`` are raw public keys (32 bytes each). Without any, a signature is checked against the key that
    it brings along, which shows that nothing was changed but not by whom it was signed.
    """

    keys: tuple[bytes, ...] = ()
    required: bool = False
    """Whether a package without a signature is refused."""


def key_id(public: bytes) -> str:
    """What people call a key: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file.

    Raises:
        SignatureError: if it cannot be read or is of another kind.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"{path} cannot be read as a private key: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(f"{path} is no ed25519 key; make one with `marquee model keygen`")
    return key


def load_public_keys(places: Iterable[Path]) -> tuple[bytes, ...]:
    """The raw public keys in PEM files, and in all ``*.pem`` of folders.

    Raises:
        SignatureError: if one is missing or of another kind, or a folder holds none.
    """
    keys = []
    for place in places:
        files = sorted(place.glob("*.pem")) if place.is_dir() else [place]
        if not files:
            raise SignatureError(f"{place} holds no public key (*.pem)")
        for path in files:
            try:
                key = load_pem_public_key(path.read_bytes())
            except (OSError, ValueError, UnsupportedAlgorithm) as error:
                raise SignatureError(f"{path} cannot be read as a public key: {error}") from None
            if not isinstance(key, Ed25519PublicKey):
                raise SignatureError(f"{path} is no ed25519 key")
            keys.append(key.public_bytes_raw())
    return tuple(keys)


def trust_of(keys: str, require: bool | None) -> Trust:
    """What settings say: ``keys`` are paths, separated as ``PATH`` is.

    ``require`` unset (None) means: from the moment that a key is trusted.

    Raises:
        SignatureError: if a key cannot be read.
    """
    loaded = load_public_keys(Path(one) for one in keys.split(os.pathsep) if one)
    return Trust(loaded, bool(loaded) if require is None else require)


def trust_from_environment() -> Trust:
    """As :func:`trust_of`, from ``MARQUEE_TRUST__KEYS`` and ``MARQUEE_TRUST__REQUIRE``.

    Raises:
        SignatureError: if a key cannot be read, or ``MARQUEE_TRUST__REQUIRE`` is neither yes nor no.
    """
    said = os.environ.get(REQUIRE_VARIABLE, "").strip().lower()
    if said not in ("", "true", "1", "yes", "on", "false", "0", "no", "off"):
        raise SignatureError(f"{REQUIRE_VARIABLE} is {said!r}: say true or false")
    return trust_of(
        os.environ.get(KEYS_VARIABLE, ""), None if said == "" else said in ("true", "1", "yes", "on")
    )


def sign(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """``signature.json`` for the bytes of a manifest."""
    made = Signature(
        key=base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        signature=base64.b64encode(key.sign(CONTEXT + manifest)).decode(),
    )
    return msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n"


def check_signature(manifest: bytes, signature: bytes | None, trust: Trust) -> str | None:
    """The id of the key that signed ``manifest``; ``None`` if nobody did and nobody has to.

    Args:
        signature: what ``signature.json`` holds; ``None`` if there is none.

    Raises:
        SignatureError: the signature is torn, of a newer schema, wrong, or by a key that is not trusted;
            or there is none and one is required.
    """
    if signature is None:
        if trust.required:
            raise SignatureError("is not signed; `marquee model sign REFERENCE --key FILE` does it")
        return None
    try:
        read = msgspec.json.decode(signature, type=Signature)
        public = base64.b64decode(read.key, validate=True)
        raw = base64.b64decode(read.signature, validate=True)
        key = Ed25519PublicKey.from_public_bytes(public)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise SignatureError(f"{SIGNATURE_FILE} cannot be read: {error}") from None
    if read.schema > SCHEMA:
        raise SignatureError(f"{SIGNATURE_FILE} has schema {read.schema}; this Marquee knows {SCHEMA}")
    if trust.keys and public not in trust.keys:
        raise SignatureError(f"is signed by {key_id(public)}, which is no trusted key")
    try:
        key.verify(raw, CONTEXT + manifest)
    except InvalidSignature:
        raise SignatureError("has a bad signature: its manifest is not what was signed") from None
    return key_id(public)
