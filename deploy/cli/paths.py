"""Paths that people type: an empty one is told as such, since most are a variable that is not set."""

from __future__ import annotations

import os
from typing import Any

import click

EMPTY = "the path is empty; where a variable stands there, it may not be set"


class GivenPath(click.Path):
    """A :class:`click.Path` that is not the empty word, which would mean the folder where one is."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """As click's. Raises click.BadParameter (exit code 2)."""
        if not os.fspath(value).strip():
            self.fail(EMPTY, param, ctx)
        return super().convert(value, param, ctx)
