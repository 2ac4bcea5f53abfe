"""Who has few ratings. Apart, so that commands can say it before they load anything."""

from __future__ import annotations

FEW = 9
"""Ratings up to which users' lists are ordered by these networks, unless told otherwise.

Where it ends is a question of what comes next, and ratings alone cannot tell. These networks learn what
people rate *later*: of somebody who has begun, well-known films above all. The main ones learn what is
missing in a history when a share of it is taken away at random, and there well-known films that are still
missing are those he passes over. Held-out random tenths, as most published figures have them, ask for the
latter, and hardly anybody in them has as few ratings as this; a service whose people go on rating asks for
the former (docs/evaluate.md has both, measured up to 50).
"""
