"""Ranks by plain numpy over everything, from the topics: the truth that the gateway must agree with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deploy.checks.expected import Float64, expected_row
from deploy.checks.reading import TopicReader
from deploy.checks.users import Documents, take_vectors
from streaming.control.documents import SpaceDocument
from streaming.documents import Ratings
from streaming.settings import Settings
from streaming.topics import TopicNames


@dataclass(frozen=True)
class Ranked:
    """A user and the place of one film among all that he has not rated, 1 the best."""

    user_id: str
    rank: int
    films: int
    """Among how many that rank is, the film itself too."""
    margin: float
    """Distance of its score to its nearest neighbours, relative to its score: who is too close may swap."""


def read_vectors(settings: Settings, space: SpaceDocument) -> dict[str, Float64]:
    """Every item vector of the space, float64 (dim,)."""
    vectors: dict[str, Float64] = {}
    topic, parts = TopicNames(settings.namespace).vectors(space.space), settings.topics.items_partitions
    with TopicReader(settings, topic, range(parts)) as reader:
        take_vectors(vectors, reader.read_on())
    return vectors


def read_documents(settings: Settings) -> dict[str, Ratings]:
    """Every user document."""
    documents: dict[str, Ratings] = {}
    topic, parts = TopicNames(settings.namespace).users, settings.topics.ratings_partitions
    for partition in range(parts):
        found = Documents(partition, parts)
        with TopicReader(settings, topic, [partition]) as reader:
            found.take(reader.read_on())
        documents |= found.ratings()
    return documents


def rank_for_all(
    item_id: str, documents: Mapping[str, Ratings], vectors: Mapping[str, Float64], space: SpaceDocument
) -> list[Ranked]:
    """The film's rank for every user who has a profile and has not rated it, best first.

    The score of film j is <profile, v_j>, all in float64; rated films do not compete.
    """
    ids = list(vectors)
    place = {item: row for row, item in enumerate(ids)}
    matrix = np.stack([vectors[item] for item in ids])
    mine = place[item_id]
    ranked = []
    for user_id, ratings in documents.items():
        want = expected_row(ratings, vectors, space.dim, space.policy)
        if not want.weighing or item_id in want.seen:
            continue
        scores = matrix @ want.vector
        competing = np.ones(len(ids), dtype=bool)
        competing[[place[item] for item in want.seen if item in place]] = False
        competing[mine] = False
        others = scores[competing]
        rank = 1 + int((others > scores[mine]).sum())
        margin = float(np.abs(others - scores[mine]).min() / max(abs(scores[mine]), 1e-12))
        ranked.append(Ranked(user_id, rank, 1 + len(others), margin))
    return sorted(ranked, key=lambda found: (found.rank, -found.margin, found.user_id))
