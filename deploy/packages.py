"""What commands about packages share: where they lie, whom to trust, who uses them, errors as Marquee's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handlers.exceptions import HandlerError, SignatureError
from handlers.signatures import Trust, check_signature, trust_of
from model_store import ModelStoreError, Package, PackageNotFoundError, build, find, locate, pull, verify
from streaming.control.reader import read_control
from streaming.control.state import ControlState
from streaming.exceptions import MarqueeError
from streaming.gateway.rerank_files import UntrustedError, Vouch
from streaming.settings import Settings


def package_sources(settings: Settings, named: Path | None = None) -> list[Path]:
    """Folders of source packages to look at before those that come with Marquee."""
    return [named] if named is not None else [settings.home.absolute() / "packages"]


def trust(settings: Settings) -> Trust:
    """Whose packages may be loaded.

    Raises:
        SignatureError: a key that the settings name cannot be read.
    """
    return trust_of(settings.trust.keys, settings.trust.require)


def voucher(settings: Settings) -> Vouch:
    """What a gateway asks before it believes a manifest: the same trust that workers and commands go by.

    Raises:
        MarqueeError: a key that the settings name cannot be read.
    """
    with package_errors():
        allowed = trust(settings)

    def vouch(manifest: bytes, signature: bytes | None) -> None:
        try:
            check_signature(manifest, signature, allowed)
        except SignatureError as error:
            raise UntrustedError(str(error)) from None

    return vouch


def obtain(reference: str, settings: Settings) -> Package:
    """The built package ``reference``: as it lies here, else pulled, else built; verified, and trusted.

    What is built or pulled already is taken as it is: what is served never changes.

    Raises:
        ModelStoreError: there is none, or it may not be loaded; the message says why.
        HandlerError: a trusted key cannot be read.
    """
    allowed = trust(settings)
    try:
        locate(reference, settings.models)
    except PackageNotFoundError:
        package = _get(reference, settings, allowed)
        verify(package, allowed)
        return package
    return find(reference, settings.models, allowed)


def _get(reference: str, settings: Settings, allowed: Trust) -> Package:
    if settings.packages_url:
        try:
            return pull(reference, settings.packages_url, settings.models, allowed)
        except PackageNotFoundError:
            # not published: a source package may still be at hand
            pass
    return build(reference, settings.models, sources=package_sources(settings))


def users_of(name: str, version: str, state: ControlState) -> list[str]:
    """The spaces that need the package: all but those that are over and dropped. Pure."""
    return sorted(
        space.space
        for space in state.spaces.values()
        if (space.package, space.version) == (name, version)
        and not (space.dropped and space.state in ("retired", "aborted"))
    )


def spaces_with(name: str, version: str, settings: Settings) -> list[str]:
    """As :func:`users_of`, by what ``control.v1`` says now.

    Raises:
        UnavailableError: Kafka does not answer.
    """
    return users_of(name, version, read_control(settings))


@contextmanager
def package_errors() -> Iterator[None]:
    """Turns errors of ``model_store`` and ``handlers``, which know nothing of ours, into Marquee's own."""
    try:
        yield
    except (ModelStoreError, HandlerError) as error:
        told = MarqueeError(str(error))
        told.exit_code = getattr(error, "exit_code", 1)
        raise told from None
