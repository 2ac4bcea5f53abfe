"""``marquee model``: packages built, listed, shown and verified; its other commands join at the end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from deploy.cli.model_engines import compile_
from deploy.cli.model_sharing import publish, pull_
from deploy.cli.model_signing import keygen, sign_
from deploy.cli.model_tidy import diff, rm
from deploy.cli.model_tune import tune_
from deploy.cli.output import AS_JSON, bars, out, print_json, table
from deploy.cli.paths import GivenPath
from deploy.cli.settings import load_settings
from deploy.packages import package_errors, package_sources, trust
from model_store import Package, build, find_source, list_built, list_sources, locate, signer_of, verify

ENGINE_COLUMNS = {
    "engine": "engine",
    "cosine": "cosine",
    "length": "length_error",
    "1, ms": "batch_1_ms",
    "16, ms": "batch_16_ms",
    "x eager": "ratio_to_eager",
    "passed": "passed",
    "taken": "taken",
}
"""What the table of engines calls a figure: parity, milliseconds of so many films, times as fast as eager."""

NONE = "-"

SOURCES = click.option(
    "--packages",
    type=GivenPath(path_type=Path, file_okay=False),
    help="folder of source packages; default $MARQUEE_HOME/packages, then those that come with Marquee",
)


@click.group()
def command() -> None:
    """Packages: immutable, versioned, checksummed models.

    \b
    Examples:
      marquee model list
      marquee model build item-encoder
      marquee model verify item-encoder@1 --all-engines
      marquee model keygen release.pem && marquee model sign item-encoder@1 --key release.pem
      marquee model publish item-encoder@1 --to s3://models/marquee
    """


@command.command("build")
@click.argument("reference")
@SOURCES
@AS_JSON
def build_(reference: str, packages: Path | None, as_json: bool) -> None:
    """Make the built package of REFERENCE: name, name@version, or the folder of a source package.

    Nothing happens if it is built already; a version is never overwritten (exit code 4).

    \b
    Example:
      marquee model build item-encoder
    """
    settings = load_settings()
    with package_errors(), bars(as_json) as progress:
        package = build(
            reference, settings.models, sources=package_sources(settings, packages), step=progress.step
        )
    if as_json:
        print_json(_described(package))
    else:
        out().print(f"{package.manifest.reference} is built in {package.path}")


@command.command("list")
@SOURCES
@AS_JSON
def list_(packages: Path | None, as_json: bool) -> None:
    """Every package: source packages, and which of them are built.

    \b
    Examples:
      marquee model list
      marquee model list --json
    """
    settings = load_settings()
    with package_errors():
        sources = list_sources(package_sources(settings, packages))
        built = {package.manifest.reference: package for package in list_built(settings.models)}
    known = {package.manifest.reference: package for package in sources} | {
        reference: package for reference, package in built.items() if reference not in _references(sources)
    }
    rows = [
        {
            "package": reference,
            "dim": package.manifest.dim,
            "data": package.manifest.data.name,
            "cut_off": _day(package.manifest.data.cut_off_ms),
            "source": reference in _references(sources),
            "built": _built(package, built.get(reference)),
        }
        for reference, package in known.items()
    ]
    if as_json:
        print_json(rows)
        return
    columns = ["package", "dim", "data", "cut-off", "source", "built"]
    cells = [list((row | {"cut_off": row["cut_off"] or NONE}).values()) for row in rows]
    out().print(table("", columns, cells, right=[1]))


@command.command()
@click.argument("reference")
@SOURCES
@AS_JSON
def show(reference: str, packages: Path | None, as_json: bool) -> None:
    """The manifest of REFERENCE, as built if it is built, else of its source.

    \b
    Example:
      marquee model show item-encoder@1
    """
    package = _anywhere(reference, packages)
    with package_errors():
        signer = signer_of(package)
    if as_json:
        print_json({"signer": signer, **_described(package)})
        return
    manifest = package.manifest
    rows: list[list[object]] = [
        ["kind", manifest.kind],
        ["folder", str(package.path)],
        ["digest", manifest.digest],
        ["signed by", signer or "nobody"],
        ["dim", manifest.dim],
        ["ids", f"{manifest.id_namespace}:..." if manifest.id_namespace else "as they are"],
        [
            "trained on",
            f"{manifest.data.name}: {manifest.data.ratings:,} ratings, {manifest.data.items:,} films",
        ],
        ["cut-off", _day(manifest.data.cut_off_ms) or NONE],
        ["source commit", manifest.source_commit],
    ]
    rows += [[name, value] for name, value in manifest.parameters.items()]
    rows += [[name, value] for name, value in manifest.metrics.items()]
    rows += [[f"licence: {what}", terms] for what, terms in manifest.licences.items()]
    out().print(table(manifest.reference, ["what", "value"], rows))
    files = [[name, file.bytes, file.sha256[:16]] for name, file in manifest.files.items()]
    out().print(table("files", ["name", "bytes", "sha-256"], files, right=[1]))


@command.command("verify")
@click.argument("reference")
@SOURCES
@click.option(
    "--all-engines/--no-engines", default=True, help="try every engine (the default), or only check files"
)
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="of each engine")
@AS_JSON
def verify_(reference: str, packages: Path | None, all_engines: bool, threads: int, as_json: bool) -> None:
    """Check signature and files of REFERENCE, and every engine against the recorded vectors.

    Exit code 1 if the signature is wrong, a file is missing or changed, or if no engine passes. Times are
    medians of one film and of 16, all engines by turns.

    \b
    Example:
      marquee model verify item-encoder@1 --all-engines
    """
    package = _anywhere(reference, packages)
    engines: list[dict[str, Any]] = []
    with package_errors():
        signer = verify(package, trust(load_settings()))
        if all_engines and package.manifest.kind == "built":
            from model_store.engines import try_engines

            engines = [msgspec.to_builtins(row) for row in try_engines(package, threads)]
    result = {
        "package": package.manifest.reference,
        "kind": package.manifest.kind,
        "files": "ok",
        "signer": signer,
    }
    if as_json:
        print_json({**result, "engines": engines})
    else:
        files = len(package.manifest.files)
        out().print(
            f"{package.manifest.reference} ({package.manifest.kind}): {files} files are as they were made, "
            + (f"signed by {signer}" if signer else "not signed")
        )
        if engines:
            rows = [_readable(row) for row in engines]
            out().print(table("engines", list(ENGINE_COLUMNS), rows, right=range(1, 6)))
            for row in engines:
                if row["reason"]:
                    out().print(f"{row['engine']}: {row['reason']}")
    if engines and not any(row["passed"] for row in engines):
        raise SystemExit(1)


def _anywhere(reference: str, packages: Path | None) -> Package:
    settings = load_settings()
    with package_errors():
        try:
            return locate(reference, settings.models)
        except LookupError:
            return find_source(reference, package_sources(settings, packages))


def _readable(row: dict[str, Any]) -> list[object]:
    """The cells of one engine, narrow enough for 80 columns; three digits would round every cosine to 1."""
    formats = {"cosine": ".6f", "length_error": ".1e", "batch_1_ms": ".1f", "batch_16_ms": ".0f"}
    formats["ratio_to_eager"] = ".2f"
    return [
        format(row[name], formats[name]) if name in formats and row[name] is not None else row[name]
        for name in ENGINE_COLUMNS.values()
    ]


def _built(package: Package, built: Package | None) -> str:
    """Whether it is, and whether from this source."""
    if built is None:
        return "no"
    same = package is built or built.manifest.built_from == package.manifest.digest
    return "yes" if same else "from another source"


def _references(packages: list[Package]) -> set[str]:
    return {package.manifest.reference for package in packages}


def _day(ms: int) -> str | None:
    if not ms:
        return None  # trained on no ratings: there is nothing to cut off
    return datetime.fromtimestamp(ms / 1000, tz=UTC).date().isoformat()


def _described(package: Package) -> dict[str, Any]:
    manifest: dict[str, Any] = msgspec.to_builtins(package.manifest)
    return {"path": str(package.path), "digest": package.manifest.digest, **manifest}


for _part in (keygen, sign_, publish, pull_, diff, rm, compile_, tune_):
    command.add_command(_part)
