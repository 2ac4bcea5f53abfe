"""``marquee model publish | pull``: packages to and from a bucket or a shared folder."""

from __future__ import annotations

import click

from deploy.cli.output import AS_JSON, bars, out, print_json
from deploy.cli.settings import load_settings
from deploy.packages import package_errors, trust
from model_store import find, list_remote, publish_to, pull
from streaming.exceptions import ConfigurationError
from streaming.settings import Settings


@click.command()
@click.argument("reference")
@click.option("--to", "url", help="fsspec URL (s3://..., a folder); default MARQUEE_PACKAGES_URL")
@AS_JSON
def publish(reference: str, url: str | None, as_json: bool) -> None:
    """Copy the built package REFERENCE to a bucket or a shared folder, whole or not at all.

    Doing it again changes nothing but the signature. Another package of the same name and version is never
    overwritten (exit code 4). Buckets want the extra [s3] or their own fsspec library.

    \b
    Example:
      marquee model publish item-encoder@1 --to s3://models/marquee
    """
    settings = load_settings()
    with package_errors(), bars(as_json) as progress:
        package = find(reference, settings.models, trust(settings))
        place = publish_to(package, _url(url, settings), progress.update)
    if as_json:
        print_json({"package": package.manifest.reference, "manifest": place})
    else:
        out().print(f"{package.manifest.reference} is published: {place}")


@click.command("pull")
@click.argument("reference", required=False)
@click.option("--from", "url", help="fsspec URL; default MARQUEE_PACKAGES_URL")
@AS_JSON
def pull_(reference: str | None, url: str | None, as_json: bool) -> None:
    """Fetch the published package REFERENCE; without REFERENCE, list what is published.

    Its signature is checked before anything else is fetched, each file against its checksum before the
    package can be seen.

    \b
    Example:
      marquee model pull item-encoder@1 --from s3://models/marquee
    """
    settings = load_settings()
    place = _url(url, settings)
    with package_errors(), bars(as_json) as progress:
        if reference is None:
            found = [{"package": m.reference, "digest": m.digest} for m in list_remote(place)]
        else:
            package = pull(reference, place, settings.models, trust(settings), progress.update)
            found = [{"package": package.manifest.reference, "path": str(package.path)}]
    if as_json:
        print_json(found)
    elif reference is None:
        for row in found:
            out().print(f"{row['package']}  {row['digest'][:16]}")
    else:
        out().print(f"{found[0]['package']} lies in {found[0]['path']}")


def _url(named: str | None, settings: Settings) -> str:
    url = named or settings.packages_url
    if not url:
        raise ConfigurationError("where? Name a URL, or set MARQUEE_PACKAGES_URL")
    return url
