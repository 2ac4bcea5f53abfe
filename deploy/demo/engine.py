"""Before anything serves: engines for this machine, so that films are read as fast as it can."""

from __future__ import annotations

import os
import shutil

from rich.console import Console

from deploy.demo.stage import DemoError, marquee
from deploy.packages import obtain, package_errors
from handlers.engines import candidates
from handlers.engines.order import load_speeds
from streaming.encoder.client import EncoderClient
from streaming.events import Item
from streaming.settings import Settings

THREADS = 1
"""Of a worker; native code is compiled for so many."""


def make_engine(settings: Settings, reference: str, console: Console) -> None:
    """Compiles ``reference`` for this machine and measures its engines, if that was not done before.

    Without a C++ compiler the package's ONNX file serves.

    Raises:
        MarqueeError: there is no such package, or it may not be loaded.
    """
    with package_errors():
        if load_speeds(obtain(reference, settings).path, THREADS) is not None:
            return
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        console.print("[yellow]no g++ here: films are read by the package's ONNX file, which is slower[/]")
        return
    console.print(f"[bold]{reference}[/] is compiled for this machine, a minute or two", highlight=False)
    try:
        marquee("model", "compile", reference, "--engine", "native")
    except DemoError:
        console.print("[yellow]so films are read by its ONNX file, which is slower[/]", highlight=False)


def fastest_engine(settings: Settings, reference: str) -> str | None:
    """The engine that was measured to be the one to take here; ``None`` if none was measured."""
    with package_errors():
        tried = candidates(obtain(reference, settings).path, THREADS)
    return next((one.name for one in tried if one.measured_ms is not None), None)


def serving_engine(settings: Settings, version: str) -> str | None:
    """What computes the vectors that TorchServe answers with."""
    with EncoderClient(settings, version) as encoder:
        return encoder.encode([Item(item_id="", title="Marquee", text="Marquee")])[0].engine
