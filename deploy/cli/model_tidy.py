"""``marquee model diff | rm``: what changed between two packages, and getting rid of one."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from deploy.cli.output import AS_JSON, out, print_json, table
from deploy.cli.settings import load_settings
from deploy.packages import package_errors, package_sources, spaces_with
from model_store import Manifest, Package, PackageNotFoundError, find_source, locate, remove
from streaming.exceptions import MarqueeError
from streaming.settings import Settings


class PackageInUseError(MarqueeError):
    """A space needs the package."""

    exit_code = 4


@click.command()
@click.argument("old")
@click.argument("new")
@AS_JSON
def diff(old: str, new: str, as_json: bool) -> None:
    """What differs between the packages OLD and NEW: data, parameters, metrics, files, libraries.

    \b
    Example:
      marquee model diff item-encoder@1 item-encoder@5
    """
    settings = load_settings()
    with package_errors():
        rows = differences(_manifest(old, settings), _manifest(new, settings))
    if as_json:
        print_json([{"what": what, "old": before, "new": after} for what, before, after in rows])
    elif rows:
        out().print(table("", ["what", old, new], rows))
    else:
        out().print(f"{old} and {new} are the same")


@click.command()
@click.argument("reference")
@click.option("--unchecked", is_flag=True, help="do not ask Kafka whether a space uses it")
@AS_JSON
def rm(reference: str, unchecked: bool, as_json: bool) -> None:
    """Remove the built package REFERENCE (name@version). Its source package, if any, stays.

    Refused while a space uses it (exit code 4): retire or abort that first. Without Kafka nobody knows
    (exit code 3), unless --unchecked says that there is none.

    \b
    Example:
      marquee model rm item-encoder@1
    """
    settings = load_settings()
    if "@" not in reference:
        raise click.UsageError("name the version: name@version")
    with package_errors():
        package = locate(reference, settings.models)
        manifest = package.manifest
        users = [] if unchecked else spaces_with(manifest.name, manifest.version, settings)
        if users:
            raise PackageInUseError(f"{reference} is used by {', '.join(users)}; retire or abort that first")
        remove(package)
    if as_json:
        print_json({"removed": reference, "path": str(package.path)})
    else:
        out().print(f"{reference} is gone from {package.path}")


def differences(old: Manifest, new: Manifest) -> list[tuple[str, Any, Any]]:
    """(what, before, after) of every field that differs, nested names joined by dots. Pure."""
    before, after = _flat(msgspec.to_builtins(old)), _flat(msgspec.to_builtins(new))
    names = [*before, *(name for name in after if name not in before)]
    return [(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)]


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= _flat(inner, f"{prefix}.{name}" if prefix else str(name))
    return found


def _manifest(reference: str, settings: Settings) -> Manifest:
    try:
        package: Package = locate(reference, settings.models)
    except PackageNotFoundError:
        package = find_source(reference, package_sources(settings))
    return package.manifest
