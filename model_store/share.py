"""How much of a graph may be computed in reduced precision: as much as the parity limits let through.

Which parts suffer is measured, not known by name: a matrix whose large products nearly cancel cannot be told
from others by its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from handlers.engines.parity import REDUCED_COSINE, REDUCED_LENGTH, Parity

WITHIN = 0.75
"""Of the limits: who chooses by a recording of a dozen films leaves room for all others."""

Measure = Callable[[Sequence[str]], Parity]
"""Parity with just these parts in reduced precision."""


def harm(parity: Parity) -> float:
    """How far towards its limits a parity goes; 1 is at one of them. NaN counts as the worst."""
    told = max((1 - parity.cosine) / (1 - REDUCED_COSINE), parity.length_error / REDUCED_LENGTH)
    return told if told >= 0 else float("inf")


def fits(parity: Parity) -> bool:
    """Whether it is well within the limits."""
    return harm(parity) <= WITHIN


def by_harm(parts: Sequence[str], measure: Measure) -> list[str]:
    """``parts``, those that harm least first.

    Found by halving: parts that fit together are not told apart, which takes a dozen measurements where one
    part of forty is to blame.
    """

    def groups(some: Sequence[str]) -> list[tuple[float, Sequence[str]]]:
        found = harm(measure(some))
        if found <= WITHIN or len(some) == 1:
            return [(found, some)]
        half = len(some) // 2
        return groups(some[:half]) + groups(some[half:])

    ordered = sorted(groups(parts), key=lambda group: group[0] / len(group[1]))
    return [part for _, group in ordered for part in group]


def longest_that_fits(order: Sequence[str], measure: Measure) -> int:
    """How many of ``order``, from its beginning, fit together, given that all of them do not.

    Found by halving: more parts are taken to harm more. 0 where not even the first fits.
    """
    good, bad = 0, len(order)
    while bad - good > 1:
        tried = (good + bad) // 2
        if fits(measure(order[:tried])):
            good = tried
        else:
            bad = tried
    return good
