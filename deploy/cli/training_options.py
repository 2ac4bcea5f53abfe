"""Options of whatever trains a re-ranker: `marquee train space` and `marquee evaluate served`."""

from __future__ import annotations

import click

from trainer.reranker.few import FEW

FEW_RATINGS = click.option(
    "--few-ratings",
    type=click.IntRange(0),
    default=FEW,
    show_default=True,
    help="re-rank people of up to so many ratings by what beginners rate next; 50 where people go on rating",
)
