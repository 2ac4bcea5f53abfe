"""Where the text model's files lie: in a PyPI package, referenced and not copied, or in the package."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import util
from pathlib import Path

from handlers.config import TextModel
from handlers.exceptions import PackageFileError
from handlers.tokens import TOKENIZER_FILE, Tokens

TEXT_CONFIG_FILE, TEXT_WEIGHTS_FILE = "text_model.json", "text_model.safetensors"
OWN_FILES = (TEXT_CONFIG_FILE, TEXT_WEIGHTS_FILE, TOKENIZER_FILE)
"""What a package holds whose text model comes from no PyPI package."""


@dataclass(frozen=True)
class TextFiles:
    """A text model, and the files that it is made of."""

    model: TextModel
    config: Path
    """``BertConfig`` as JSON."""
    weights: Path
    """Of ``BertModel``, safetensors."""
    tokenizer: Path

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.model.distribution or self.weights.name

    def tokens(self) -> Tokens:
        """Its tokenizer, cutting at the model's ``max_tokens``.

        Raises:
            PackageFileError: if its file is none.
        """
        return Tokens(self.tokenizer, self.model.max_tokens)


def text_files(model: TextModel, package: Path | None = None) -> TextFiles:
    """The files of ``model``; ``package`` is the folder of one that holds them itself.

    Raises:
        PackageFileError: if they come from a PyPI package that is not installed.
    """
    if not model.distribution:
        if package is None:
            raise PackageFileError(f"the text model {model.origin} lies in no package")
        return TextFiles(model, *(package / name for name in OWN_FILES))
    folder = _installed(model)
    return TextFiles(model, folder / "config.json", folder / "model.safetensors", folder / TOKENIZER_FILE)


def _installed(model: TextModel) -> Path:
    spec = util.find_spec(model.module)
    if spec is None or not spec.submodule_search_locations:
        raise PackageFileError(f"the text model is missing: pip install {model.distribution}")
    return Path(next(iter(spec.submodule_search_locations))) / model.folder
