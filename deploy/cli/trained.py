"""What every training command says: that a version is taken before the work, and what was made after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.output import out, print_json, table
from deploy.packages import package_sources
from streaming.settings import Settings

if TYPE_CHECKING:
    from model_store import Package


def check_new(settings: Settings, root: Path, name: str, version: str) -> None:
    """Before the work, not after it: in ``root``, among all sources that commands find, among what is built.

    A shipped version may be made again in a folder of one's own (``root``), not where it would stand before
    the shipped one and be taken for it.

    Raises:
        PackageExistsError: that version is there already.
        click.BadParameter: name or version cannot be used.
    """
    from model_store import ModelStoreError, PackageExistsError
    from model_store.manifest import check_names
    from model_store.store import source_roots

    try:
        check_names(name, version)
    except ModelStoreError as error:
        raise click.BadParameter(str(error), param_hint="--name, --version") from None
    built = [] if "://" in settings.models else [Path(settings.models)]
    sources = package_sources(settings)
    shadowed = source_roots() if root in sources else []
    for place in dict.fromkeys((root, *sources, *shadowed, *built)):
        if (place / name / version).exists():
            raise PackageExistsError(
                f"{name}@{version} exists in {place}; choose another --version, none is overwritten"
            )


def show_trained(package: Package, seconds: float, as_json: bool, what_next: str = "") -> None:
    """Reference, place, parameters and metrics of a new package."""
    manifest = package.manifest
    if as_json:
        print_json(
            {
                "package": manifest.reference,
                "path": str(package.path),
                "digest": manifest.digest,
                "seconds": round(seconds, 3),
                "parameters": manifest.parameters,
                "metrics": manifest.metrics,
            }
        )
        return
    rows = [[key, value] for key, value in {**manifest.parameters, **manifest.metrics}.items()]
    out().print(
        table(f"{manifest.reference}, trained in {seconds:.0f} s", ["what", "value"], rows, right=[1])
    )
    out().print(f"written to {package.path}{what_next}")
