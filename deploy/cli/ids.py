"""Ids of users and films as arguments: an empty one is wrong use, told before anybody is asked."""

from __future__ import annotations

import click


class Id(click.ParamType):
    """An id that is not empty; the gateway knows all other rules.

    Args:
        blank: white space alone passes too: no such id is stored any more, but one of before can be removed.
    """

    name = "id"

    def __init__(self, *, blank: bool = False) -> None:
        self._blank = blank

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """``value`` itself. Raises click.BadParameter where there is nothing in it."""
        if not value or (not self._blank and not value.strip()):
            self.fail("the id is empty: was a variable of the shell not set?", param, ctx)
        return value


ID = Id()
REMOVED_ID = Id(blank=True)
