"""``marquee model keygen | sign``: who vouches for a package."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli.output import AS_JSON, out, print_json
from deploy.cli.paths import GivenPath
from deploy.cli.settings import load_settings
from deploy.packages import package_errors
from model_store import Package, PackageNotFoundError, generate_key, locate, sign_package

FILE = GivenPath(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=FILE)
@AS_JSON
def keygen(file: Path, as_json: bool) -> None:
    """Write a new ed25519 private key to FILE and its public key beside it (.pub.pem).

    Neither is ever overwritten (exit code 4). Whoever is to trust it is given the public one:
    MARQUEE_TRUST__KEYS=/etc/marquee/release.pub.pem.

    \b
    Example:
      marquee model keygen release.pem
    """
    with package_errors():
        public, key = generate_key(file)
    if as_json:
        print_json({"private": str(file), "public": str(public), "key": key})
    else:
        out().print(f"key {key}: {file} signs (keep it secret), {public} is for those who are to trust it")


@click.command("sign")
@click.argument("reference")
@click.option("--key", "key_file", type=FILE, required=True, help="private key, as `model keygen` writes it")
@AS_JSON
def sign_(reference: str, key_file: Path, as_json: bool) -> None:
    """Sign the built package REFERENCE, or the source package in a folder; a former signature is replaced.

    Every file is checked first: who signs vouches for what is there.

    \b
    Example:
      marquee model keygen release.pem && marquee model sign item-encoder@1 --key release.pem
    """
    settings = load_settings()
    with package_errors():
        package = _package(reference, settings.models)
        key = sign_package(package, key_file)
    if as_json:
        print_json({"package": package.manifest.reference, "path": str(package.path), "key": key})
    else:
        out().print(f"{package.manifest.reference} in {package.path} is signed by {key}")


def _package(reference: str, models: str) -> Package:
    if "/" in reference:
        from model_store import read_manifest

        return Package(Path(reference), read_manifest(Path(reference)))
    try:
        return locate(reference, models)
    except PackageNotFoundError as error:
        raise PackageNotFoundError(f"{error}; build it first: marquee model build {reference}") from None
