"""A model of ``transformers`` with the weights of a folder, all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers.utils import logging

from trainer.exceptions import TrainingError
from trainer.hub.fetch import Fetched


def pretrained(kind: Any, found: Fetched) -> Any:
    """A ``kind`` (a class of the library) without its pooling layer, float32, ready to run on the CPU.

    Raises:
        TrainingError: if weights are missing or do not fit: the library would draw them at random.
    """
    try:
        with _quiet():
            model, info = kind.from_pretrained(
                found.folder,
                add_pooling_layer=False,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # the library raises what its many readers stumble over
        raise TrainingError(f"{found.origin} cannot be read as a {kind.__name__}: {error}") from None
    if missing := sorted(info["missing_keys"]):
        raise TrainingError(f"{found.origin} lacks weights of a {kind.__name__}: {', '.join(missing[:3])}")
    return model.float().eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """The library reports what it left out, and draws bars of its own beside ours."""
    library: Any = logging
    level, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()
