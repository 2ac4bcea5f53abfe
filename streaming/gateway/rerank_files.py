"""A package's ``reranker.onnx`` out of the model store, checked against the package's manifest."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

import fsspec
import msgspec

from streaming.exceptions import UnavailableError
from streaming.gateway.rerank_model import OnnxReranker, RerankerRefusedError
from streaming.settings import Settings

MANIFEST_FILE = "manifest.json"
RERANKER_FILE = "reranker.onnx"
MAX_BYTES = 20_000_000


class _File(msgspec.Struct):
    sha256: str
    bytes: int


class _Manifest(msgspec.Struct):
    files: dict[str, _File]


def load_reranker(settings: Settings, package: str, version: str) -> OnnxReranker | None:
    """The re-ranker of a built package under ``settings.models``; None where the package has none.

    Raises:
        UnavailableError: if the package cannot be read here; asking again later may help.
        RerankerRefusedError: if the file is not the one that was built, or no re-ranker this code can run.
    """
    content = read_reranker(settings, package, version)
    return None if content is None else OnnxReranker(content)


def read_reranker(settings: Settings, package: str, version: str) -> bytes | None:
    """The bytes of the file, as the manifest says; None where it says there is none.

    Raises:
        UnavailableError: if the package cannot be read here; asking again later may help.
        RerankerRefusedError: if the file is missing, changed or too large, or the manifest torn.
    """
    try:
        fs, root = fsspec.core.url_to_fs(settings.models)
        folder = PurePosixPath(root) / package / version
        manifest = msgspec.json.decode(fs.cat_file(str(folder / MANIFEST_FILE)), type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RerankerRefusedError(
            f"{MANIFEST_FILE} of {package}@{version} cannot be read: {error}"
        ) from None
    # fsspec's file systems raise what their libraries raise
    except Exception as error:
        raise UnavailableError(
            f"{package}@{version} cannot be read from {settings.models}: {error}"
        ) from None
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
