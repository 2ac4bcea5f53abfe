"""A model's files, by Hugging Face id or in a folder of that layout; pickled weights are left alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.exceptions import TrainingError
from trainer.progress import Progress

CONFIG_FILE = "config.json"
WANTED = (
    CONFIG_FILE,
    "model*.safetensors",
    "model.safetensors.index.json",
    "preprocessor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
"""Of a repository; what else it holds (other frameworks' weights) may be many times as much."""


@dataclass(frozen=True)
class Fetched:
    """A model's files."""

    folder: Path
    origin: str
    """Where they are from, for whoever reads the package: ``id@commit``, or the folder's name."""

    def config(self, kind: str) -> dict[str, Any]:
        """``config.json`` of a model whose ``model_type`` is ``kind``.

        Raises:
            TrainingError: if there is none, or it is of another kind.
        """
        found = self.json(CONFIG_FILE)
        if found.get("model_type") != kind:
            raise TrainingError(
                f"{self.origin} is a {found.get('model_type', 'model that does not say what it is')}: "
                f"only models of the type {kind} are read here"
            )
        return found

    def json(self, name: str) -> dict[str, Any]:
        """The JSON object in file ``name``.

        Raises:
            TrainingError: if it is missing or none.
        """
        try:
            found = json.loads((self.folder / name).read_text())
        except (OSError, ValueError) as error:
            raise TrainingError(f"{self.origin}: {name} cannot be read: {error}") from None
        if not isinstance(found, dict):
            raise TrainingError(f"{self.origin}: {name} holds no JSON object")
        return found


def fetch(reference: str, progress: Progress) -> Fetched:
    """The files of ``reference``: a folder, or ``owner/name`` or ``owner/name@revision`` on a hub.

    What was fetched once is not fetched again (the hub's own cache, ``HF_HOME``).

    Raises:
        TrainingError: if there is no such folder or repository, the hub is out of reach, or no safetensors
            are there.
    """
    folder = Path(reference).expanduser()
    if folder.is_dir():
        return _with_weights(Fetched(folder, folder.resolve().name))
    if reference.startswith((".", "/", "~")):
        raise TrainingError(f"{reference}: no such folder")
    name, _, revision = reference.partition("@")
    progress(f"fetching {name}", 0, 1)
    snapshot = _snapshot(name, revision)
    progress(f"fetching {name}", 1, 1)
    return _with_weights(Fetched(snapshot, f"{name}@{snapshot.name}"))


def _snapshot(name: str, revision: str) -> Path:
    # takes a second to import, which no other training need spend
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=list(WANTED)))
    except HFValidationError as error:
        raise TrainingError(f"{name!r} is neither a folder nor a Hugging Face id: {error}") from None
    except RevisionNotFoundError:
        raise TrainingError(f"{name} has no revision {revision}") from None
    except RepositoryNotFoundError:
        raise TrainingError(f"the hub has no model {name}, or not for you: set HF_TOKEN") from None
    except LocalEntryNotFoundError:
        raise TrainingError(
            f"{name} is not in the cache, and no hub is reachable: name a folder that holds it, or set "
            "HF_ENDPOINT to a mirror"
        ) from None
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise TrainingError(f"{name} cannot be fetched: {error}") from None


def _with_weights(found: Fetched) -> Fetched:
    if not any(found.folder.glob("model*.safetensors")):
        raise TrainingError(
            f"{found.origin} holds no model.safetensors; pickled weights are not read, for they may hold code"
        )
    return found
