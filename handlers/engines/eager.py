"""PyTorch as it is: slow, always there, and the reference for all others."""

from __future__ import annotations

from pathlib import Path

from handlers.engines.base import Inputs, Outputs
from handlers.exceptions import EngineUnavailableError, PackageFileError


class EagerEngine:
    """The package's network in float32 on the CPU."""

    name = "eager"
    reduced_precision = False

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Loads the package in ``folder``.

        Raises:
            EngineUnavailableError: if torch, the text model or the weights are missing.
        """
        try:
            # these imports take seconds, which the other engines need not spend
            import torch

            from handlers.networks import load_model
        except ImportError as error:
            raise EngineUnavailableError(f"torch or transformers is not installed ({error})") from None
        torch.set_num_threads(threads)
        self._torch = torch
        try:
            self._network = load_model(folder)
        except PackageFileError as error:
            raise EngineUnavailableError(str(error)) from None

    def run(self, inputs: Inputs) -> Outputs:
        """One forward pass."""
        with self._torch.inference_mode():
            tensors = {name: self._torch.from_numpy(value) for name, value in inputs.items()}
            return {"vector": self._network(**tensors).numpy()}
