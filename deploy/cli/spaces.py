"""Which spaces a command means: all live ones, or the one that ``--space`` names."""

from __future__ import annotations

import click

from streaming.control.documents import SpaceDocument
from streaming.control.reader import read_control
from streaming.exceptions import NotFoundError
from streaming.settings import Settings

SPACE = click.option("--space", help="one space; all live ones by default")


def live_spaces(settings: Settings, space: str | None) -> list[SpaceDocument]:
    """The live spaces, or the named one.

    Raises:
        NotFoundError: there is no such live space.
        UnavailableError: Kafka does not answer.
    """
    live = read_control(settings).live
    if space is None:
        return list(live.values())
    if space not in live:
        raise NotFoundError(f"no live space {space}; `marquee rollout status` lists them")
    return [live[space]]
