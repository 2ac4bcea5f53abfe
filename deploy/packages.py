"""What commands about packages share: where source packages lie, and errors as all of Marquee's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handlers.exceptions import HandlerError
from model_store import ModelStoreError
from streaming.exceptions import MarqueeError
from streaming.settings import Settings


def package_sources(settings: Settings, named: Path | None = None) -> list[Path]:
    """Folders of source packages to look at before those that come with Marquee."""
    return [named] if named is not None else [settings.home.absolute() / "packages"]


@contextmanager
def package_errors() -> Iterator[None]:
    """Turns errors of ``model_store`` and ``handlers``, which know nothing of ours, into Marquee's own."""
    try:
        yield
    except (ModelStoreError, HandlerError) as error:
        told = MarqueeError(str(error))
        told.exit_code = getattr(error, "exit_code", 1)
        raise told from None
