"""AOTInductor: the network compiled to native code for this processor (a ``.pt2`` file).

Native code is loaded only where it was made: from this machine's own folder, never from a package. The
number of threads is compiled in, and is part of the file's name.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal

import numpy as np

from handlers.engines.base import Inputs, Outputs
from handlers.engines.packing import packed
from handlers.exceptions import EngineUnavailableError

Precision = Literal["float32", "bf16", "mixed"]
"""Of the text model's matrices: ``mixed`` is int8 as far as parity allows. A ViT's are then in bfloat16."""


def compiled_file(threads: int, precision: Precision = "float32") -> str:
    """Name of the file for so many threads."""
    return f"packed.cpu.{threads}.{precision}.pt2"


class AotInductorEngine:
    """A compiled network; ``threads`` and ``precision`` are what it was compiled with."""

    def __init__(self, folder: Path | None, threads: int = 1, precision: Precision = "float32") -> None:
        """Loads what was compiled into ``folder``.

        Raises:
            EngineUnavailableError: nothing was compiled here, somebody else could have put it there, or torch
                is missing or refuses it.
        """
        self.reduced_precision = precision != "float32"
        self.name = f"aotinductor-{precision}" if self.reduced_precision else "aotinductor"
        if folder is None or not (folder / compiled_file(threads, precision)).is_file():
            raise EngineUnavailableError(
                f"not compiled on this machine for {threads} threads; `marquee model compile` does it"
            )
        path = folder / compiled_file(threads, precision)
        for place in (folder, path):
            if place.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise EngineUnavailableError(f"{place} may be written by others, so its code is not run")
        try:
            import torch
        except ImportError as error:
            raise EngineUnavailableError(f"torch is not installed ({error})") from None
        torch.set_num_threads(threads)
        self._torch = torch
        try:
            self._model = torch._inductor.aoti_load_package(str(path))
        except Exception as error:  # whatever the loader of another build says
            raise EngineUnavailableError(f"{path.name} is refused: {str(error).splitlines()[0]}") from None

    def run(self, inputs: Inputs) -> Outputs:
        """One forward pass."""
        with self._torch.inference_mode():
            tensors = {name: self._torch.from_numpy(value) for name, value in packed(inputs).items()}
            return {"vector": np.asarray(self._model(**tensors).numpy())}
