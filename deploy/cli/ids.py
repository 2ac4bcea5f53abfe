"""Ids of users and films as arguments: an empty one is wrong use, told before anybody is asked."""

from __future__ import annotations

import click


def some_id(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Callback of an argument: an id in which there is something; the gateway knows all other rules."""
    removable_id(ctx, param, value.strip())
    return value


def removable_id(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """As :func:`some_id`, white space alone too: what was stored under such an id before can be removed."""
    if not value:
        raise click.BadParameter("the id is empty: was a variable of the shell not set?", ctx, param)
    return value
