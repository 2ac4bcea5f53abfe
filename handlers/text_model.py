"""Where the text model's files lie: a PyPI package, referenced and not copied."""

from __future__ import annotations

from importlib import util
from pathlib import Path

from handlers.config import TextModel
from handlers.exceptions import PackageFileError


def text_model_folder(model: TextModel) -> Path:
    """Where the PyPI package of the text model lies.

    Raises:
        PackageFileError: if it is not installed.
    """
    spec = util.find_spec(model.module)
    if spec is None or not spec.submodule_search_locations:
        raise PackageFileError(f"the text model is missing: pip install {model.distribution}")
    return Path(next(iter(spec.submodule_search_locations))) / model.folder
