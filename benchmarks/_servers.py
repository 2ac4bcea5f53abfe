"""TorchServe and LitServe with the same package in the same handler, gone when a benchmark ends."""

from __future__ import annotations

import contextlib
import os
import signal
import site
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import psutil
from rich.console import Console

from benchmarks._services import wait_for
from deploy.stack.ports import free_ports
from deploy.stack.torchserve import TorchServe
from handlers.trust import MODELS_VARIABLE
from model_store import ModelStoreError, Package, build
from model_store.compile import quantise_package
from model_store.engines import order_engines
from model_store.native import compile_package

LITSERVE = Path(__file__).parent / "litserve"
STARTED_S = 120.0
console = Console(stderr=True)


def ready(reference: str, models: Path, *, compiled: bool = False) -> tuple[Package, str]:
    """The package built below ``models``, and the engine that it is served by: the fastest, by measurement.

    Besides what is in it there is int8, and if ``compiled`` native code in bfloat16, where that is within the
    parity limits and this processor multiplies it.
    """
    package = build(reference, models, step=console.print)
    makes: list[Callable[[Package], object]] = [quantise_package]
    if compiled:
        makes.append(partial(compile_package, precision="bf16"))
    for make in makes:
        try:
            console.print(make(package))
        except ModelStoreError as error:
            console.print(f"left out: {error}")
    engine = next(row.engine for row in order_engines(package) if row.taken)
    console.print(f"{package.manifest.reference} is served by {engine}")
    return package, engine


@contextlib.contextmanager
def torchserve(package: Package, folder: Path) -> Iterator[TorchServe]:
    """A TorchServe with nothing registered."""
    server = TorchServe(folder / "torchserve", package.path.parents[1], *free_ports(3), stack_id=str(folder))
    server.start()
    try:
        server.wait_healthy()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def registered(
    server: TorchServe, http: httpx.Client, package: Package, batch: int, delay_ms: int
) -> Iterator[str]:
    """The URL of its predictions while it is registered so."""
    name, version = package.manifest.name, package.manifest.version
    parameters = {
        "url": package.archive.absolute().as_uri(),
        "model_name": name,
        "batch_size": str(batch),
        "max_batch_delay": str(delay_ms),
        "initial_workers": "1",
        "synchronous": "true",
    }
    http.post(f"{server.management_url}/models", params=parameters).raise_for_status()
    try:
        yield f"{server.inference_url}/predictions/{name}/{version}"
    finally:
        http.delete(f"{server.management_url}/models/{name}/{version}").raise_for_status()


def _python() -> Path:
    """That of LitServe's own environment, made when first asked for."""
    environment = Path(os.environ.get("MARQUEE_HOME", ".marquee")).absolute() / "bench" / "litserve"
    python = environment / "bin" / "python"
    if not (environment / "installed").exists():
        console.print("installing LitServe into a virtual environment of its own")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        install = ["uv", "pip", "install", "-q", "--python", str(python), "--require-hashes"]
        subprocess.run([*install, "-r", str(LITSERVE / "requirements.txt")], check=True)
        (environment / "installed").touch()
    return python


@contextlib.contextmanager
def litserve(
    package: Package, folder: Path, batch: int, delay_ms: int, workers: int = 1
) -> Iterator[tuple[str, psutil.Process]]:
    """The URL of a LitServe's predictions and its process, once it says that its workers are ready."""
    (port,) = free_ports(1)
    here = [str(Path(__file__).parents[1]), *site.getsitepackages()]
    environment = {
        **os.environ,
        "MARQUEE_BENCH_PATH": os.pathsep.join(here),
        MODELS_VARIABLE: str(package.path.parents[1].absolute()),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    arguments = [str(package.path.absolute()), str(port), str(batch), str(delay_ms), str(workers)]
    python = _python()
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            [str(python), str(LITSERVE / "serve.py"), *arguments],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with httpx.Client(timeout=5, trust_env=False) as http:

                def ready() -> bool:
                    if child.poll() is not None:
                        log.seek(0)
                        raise RuntimeError(f"LitServe ended: {log.read().decode(errors='replace')[-2_000:]}")
                    try:
                        return http.get(f"http://127.0.0.1:{port}/health").status_code == 200
                    except httpx.HTTPError:
                        return False

                wait_for(ready, STARTED_S, "LitServe is ready", 0.05)
            yield f"http://127.0.0.1:{port}/predict", psutil.Process(child.pid)
        finally:
            # its workers and its queue are processes of its session
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
