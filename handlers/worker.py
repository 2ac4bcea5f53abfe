"""What TorchServe starts as a worker: its own script, without PyTorch until somebody asks for that.

TorchServe's protocol imports PyTorch to see whether an answer is a tensor. Ours are bytes, and most engines
need no PyTorch, so that import would be most of a worker's start and of its memory.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from types import ModuleType
from typing import Any

TORCH = "torch"
_ASKS = "ts.async_service"
"""Imports everything of TorchServe's that imports PyTorch."""


class Late(ModuleType):
    """Stands for a module that is imported when first something of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        give_way(self)
        return getattr(importlib.import_module(self.__name__), name)


def give_way(late: ModuleType) -> None:
    """From now on who imports the module gets the real one; who holds ``late`` gets that too, through it."""
    if sys.modules.get(late.__name__) is late:
        del sys.modules[late.__name__]


def import_without(name: str, asks: str) -> None:
    """Imports ``asks`` without the module ``name`` that it imports; as always if that is there already."""
    if name in sys.modules:
        importlib.import_module(asks)
        return
    late = sys.modules[name] = Late(name)
    try:
        importlib.import_module(asks)
    finally:
        give_way(late)


def main() -> None:
    """Run the script that the first argument names, with the others."""
    import_without(TORCH, _ASKS)
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
