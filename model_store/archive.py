"""The TorchServe archive of a built package."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from model_store.exceptions import ModelStoreError
from model_store.store import archive_name

STUB = '''"""What TorchServe loads; the handler itself is the installed package ``handlers``."""

from {module} import {name}


class Handler({name}):
    """TorchServe takes only a class that the archive's own module defines."""
'''


def write_archive(folder: Path, name: str, version: str, files: Sequence[str], handler: str) -> Path:
    """Packs the named files of ``folder`` into ``<name>-<version>.mar`` beside them.

    Args:
        handler: ``module.Class`` of ``handlers``.

    Raises:
        ModelStoreError: if the archiver fails, with what it said.
    """
    with tempfile.TemporaryDirectory() as temporary:
        stub = Path(temporary) / "marquee_handler.py"
        module, _, class_name = handler.rpartition(".")
        stub.write_text(STUB.format(module=module, name=class_name))
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "model_archiver.model_packaging",
                *("--model-name", name, "--version", version, "--handler", str(stub)),
                *("--extra-files", ",".join(str(folder / one) for one in files)),
                *("--export-path", temporary, "--force"),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        made = Path(temporary) / f"{name}.mar"
        if ran.returncode or not made.is_file():
            raise ModelStoreError(f"torch-model-archiver failed: {(ran.stderr or ran.stdout).strip()[-500:]}")
        target = folder / archive_name(name, version)
        target.write_bytes(made.read_bytes())
    return target
