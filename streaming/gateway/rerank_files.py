"""A package's ``reranker.onnx`` out of the model store, checked against the package's signed manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import PurePosixPath

import fsspec
import msgspec

from streaming.exceptions import MarqueeError, UnavailableError
from streaming.gateway.rerank_model import OnnxReranker, RerankerRefusedError
from streaming.settings import Settings

MANIFEST_FILE, SIGNATURE_FILE = "manifest.json", "signature.json"
RERANKER_FILE = "reranker.onnx"
MAX_BYTES = 20_000_000

Vouch = Callable[[bytes, bytes | None], None]
"""Takes a manifest and its signature, if there is one; raises :class:`UntrustedError` if it may not be."""


class UntrustedError(MarqueeError):
    """Nobody who is trusted vouches for a manifest; the message begins with a verb."""


class _File(msgspec.Struct):
    sha256: str
    bytes: int


class _Manifest(msgspec.Struct):
    name: str
    version: str
    files: dict[str, _File]


def load_reranker(settings: Settings, package: str, version: str, vouch: Vouch) -> OnnxReranker | None:
    """The re-ranker of a built package under ``settings.models``; None where the package has none.

    Raises:
        UnavailableError: if the package cannot be read here; asking again later may help.
        RerankerRefusedError: if the file is not the one that was built, nobody trusted vouches for it, or
            it is no re-ranker this code can run.
    """
    content = read_reranker(settings, package, version, vouch)
    return None if content is None else OnnxReranker(content)


def read_reranker(settings: Settings, package: str, version: str, vouch: Vouch) -> bytes | None:
    """The bytes of the file, as the manifest says; None where it says there is none.

    Raises:
        UnavailableError: if the package cannot be read here; asking again later may help.
        RerankerRefusedError: if the file is missing, changed or too large, or the manifest torn, of another
            package, or of nobody who is trusted.
    """
    try:
        fs, root = fsspec.core.url_to_fs(settings.models)
        folder = PurePosixPath(root) / package / version
        content = bytes(fs.cat_file(str(folder / MANIFEST_FILE)))
        manifest = msgspec.json.decode(content, type=_Manifest)
        signed = folder / SIGNATURE_FILE
        signature = bytes(fs.cat_file(str(signed))) if fs.exists(str(signed)) else None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RerankerRefusedError(
            f"{MANIFEST_FILE} of {package}@{version} cannot be read: {error}"
        ) from None
    # fsspec's file systems raise what their libraries raise
    except Exception as error:
        raise UnavailableError(
            f"{package}@{version} cannot be read from {settings.models}: {error}"
        ) from None
    # a signature says what a package holds, not where it lies
    if (manifest.name, manifest.version) != (package, version):
        raise RerankerRefusedError(
            f"{MANIFEST_FILE} of {package}@{version} is that of {manifest.name}@{manifest.version}"
        )
    try:
        vouch(content, signature)
    except UntrustedError as error:
        raise RerankerRefusedError(f"{package}@{version} {error}") from None
    wanted = manifest.files.get(RERANKER_FILE)
    if wanted is None:
        return None
    if wanted.bytes > MAX_BYTES:
        raise RerankerRefusedError(
            f"{RERANKER_FILE} of {package}@{version} holds more than {MAX_BYTES} bytes"
        )
    try:
        content = bytes(fs.cat_file(str(folder / RERANKER_FILE)))
    except FileNotFoundError:
        raise RerankerRefusedError(f"{RERANKER_FILE} is missing from {package}@{version}") from None
    except Exception as error:
        raise UnavailableError(f"{RERANKER_FILE} of {package}@{version} cannot be read: {error}") from None
    if hashlib.sha256(content).hexdigest() != wanted.sha256:
        raise RerankerRefusedError(
            f"{RERANKER_FILE} of {package}@{version} is not what was built: its checksum differs"
        )
    return content
