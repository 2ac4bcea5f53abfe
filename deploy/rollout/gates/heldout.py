"""Ratings that neither package was trained on, and profiles as they were before them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.moments import moment
from deploy.rollout.exceptions import NotComparableError
from model_store import Manifest
from streaming.documents import Ratings
from trainer.space.choice import RELEVANT


@dataclass(frozen=True)
class Person:
    """One user at the cut-off: what he had rated, and which films he came to like after it."""

    user_id: str
    history: Ratings
    liked_later: frozenset[str]


def cut_off(manifests: tuple[Manifest, Manifest], wanted_ms: int | None) -> int:
    """The time after which ratings are new to both packages, ms since 1970.

    Args:
        wanted_ms: an earlier or later time that the operator names; None for the earliest possible.

    Raises:
        NotComparableError: a package does not say when its training data end, or saw ratings after
            ``wanted_ms``.
    """
    for manifest in manifests:
        if manifest.data.cut_off_ms <= 0:
            raise NotComparableError(f"{manifest.reference} does not say when its training data end")
        if wanted_ms is not None and manifest.data.cut_off_ms > wanted_ms:
            raise NotComparableError(
                f"{manifest.reference} was trained on ratings up to {moment(manifest.data.cut_off_ms)},"
                f" after the cut-off {moment(wanted_ms)}: what it has seen cannot judge it"
            )
    newest = max(manifest.data.cut_off_ms for manifest in manifests)
    return newest if wanted_ms is None else wanted_ms


def cut_off_text(manifests: tuple[Manifest, Manifest], wanted_ms: int | None) -> str:
    """When the cut-off is, and whose it is, in words."""
    if wanted_ms is not None:
        return f"{moment(wanted_ms)} (--cut-off)"
    newest = max(manifests, key=lambda manifest: manifest.data.cut_off_ms)
    return f"{moment(newest.data.cut_off_ms)}, where the training data of {newest.reference} end"


def hold_out(documents: Mapping[str, Ratings], cut_off_ms: int) -> list[Person]:
    """Users who came to like something after the cut-off, in the order of their ids.

    A document holds each film's newest rating: one that was given anew after the cut-off belongs to
    the later part, and the one before it is not known any more.
    """
    people = []
    for user_id, ratings in sorted(documents.items()):
        history = {item: rating for item, rating in ratings.items() if rating[1] <= cut_off_ms}
        later = frozenset(
            item
            for item, (value, at) in ratings.items()
            if at > cut_off_ms and value is not None and value >= RELEVANT
        )
        if later:
            people.append(Person(user_id, history, later))
    return people
