"""What the gate ``evaluate`` needs of a running installation: documents, served vectors, item tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from deploy.checks.reading import TopicReader
from deploy.checks.users import Documents
from deploy.packages import package_errors
from deploy.rollout.exceptions import IllegalStepError
from deploy.rollout.gates.evaluating import Catalogue, Side, evaluate
from deploy.rollout.gates.heldout import cut_off, cut_off_text, hold_out
from deploy.rollout.gates.limits import Limits
from deploy.rollout.gates.rows import Gate
from deploy.rollout.moves import find
from deploy.rollout.starting import built
from handlers.encoding import ITEM_TABLE_FILE
from handlers.item_table import ItemTable, load_table
from handlers.items import fingerprint
from streaming.control.documents import LIVE_STATES, SpaceDocument
from streaming.control.reader import read_control
from streaming.documents import Ratings, VectorDocument, decode_vector
from streaming.settings import Settings
from streaming.topics import TopicNames
from trainer.data import Ratings as Table
from trainer.evaluation.served import popular_scores

Step = Callable[[str], None]


def evaluate_gate(
    settings: Settings,
    space_id: str,
    limits: Limits,
    cut_off_ms: int | None = None,
    step: Step = lambda _: None,
) -> Gate:
    """``space_id`` against the champion on ratings that neither has seen, by vectors that are served.

    Args:
        cut_off_ms: only ratings after this; by default after the later of both packages' training data.

    Raises:
        NotFoundError, IllegalStepError: no such space, nobody to compare it with, or it is not live.
        NotComparableError: too few ratings, or a package was trained past the cut-off.
        UnavailableError: Kafka does not answer.
    """
    state = read_control(settings)
    new = find(state, space_id)
    old = None if state.route is None else state.spaces[state.route.champion]
    if old is None or old.space == new.space:
        raise IllegalStepError(f"{space_id} has no other champion to be compared with")
    if new.state not in LIVE_STATES or new.state == "backfilling":
        raise IllegalStepError(f"{space_id} is {new.state}: only a space that is filled can be evaluated")
    packages = [built(settings, f"{space.package}@{space.version}") for space in (new, old)]
    manifests = packages[0].manifest, packages[1].manifest
    since = cut_off(manifests, cut_off_ms)
    step("reading user documents")
    documents = _documents(settings, step)
    people = hold_out(documents, since)
    step("reading the vectors of both spaces")
    found = [_vectors(settings, space) for space in (new, old)]
    with package_errors():
        tables = [load_table(package.path / ITEM_TABLE_FILE) for package in packages]
    catalogue = _catalogue(found, tables, documents, since, new.policy.like_threshold)
    sides = [
        _side(space, vectors, catalogue.item_ids) for space, vectors in zip((new, old), found, strict=True)
    ]
    step(f"asking both for {len(people)} users")
    judged = evaluate(
        people, catalogue, sides[0], sides[1], limits.evaluate, cut_off_text(manifests, cut_off_ms)
    )
    return Gate("evaluate", new.space, old.space, limits.version, judged.rows, judged.remarks)


def _documents(settings: Settings, step: Step) -> dict[str, Ratings]:
    documents: dict[str, Ratings] = {}
    topic, parts = TopicNames(settings.namespace).users, settings.topics.ratings_partitions
    for part in range(parts):
        step(f"reading user documents, partition {part + 1} of {parts}")
        found = Documents(part, parts)
        with TopicReader(settings, topic, [part]) as reader:
            found.take(reader.read_on())
        documents |= found.ratings()
    return documents


def _vectors(settings: Settings, space: SpaceDocument) -> dict[str, VectorDocument]:
    found: dict[str, VectorDocument] = {}
    topic = TopicNames(settings.namespace).vectors(space.space)
    with TopicReader(settings, topic, range(settings.topics.items_partitions)) as reader:
        for record in reader.read_on():
            item_id = (record.key or b"").decode(errors="replace")
            if record.value is None:
                found.pop(item_id, None)
            else:
                found[item_id] = decode_vector(record.value)
    return found


def _catalogue(
    found: Sequence[Mapping[str, VectorDocument]],
    tables: Sequence[ItemTable],
    documents: Mapping[str, Ratings],
    cut_off_ms: int,
    threshold: float,
) -> Catalogue:
    films = {item: document for vectors in reversed(found) for item, document in vectors.items()}
    ids = tuple(sorted(films))
    names = {name: i for i, name in enumerate(sorted({g for film in films.values() for g in film.genres}))}
    genres = np.zeros((len(ids), len(names)))
    for row, item in enumerate(ids):
        genres[row, [names[g] for g in films[item].genres]] = 1.0
    warm = [_fingerprints(table) for table in tables]
    cold = [
        all(known.get(item) != fingerprint(films[item].title, films[item].year) for known in warm)
        for item in ids
    ]
    popular = _popular(documents, ids, cut_off_ms, threshold)
    return Catalogue(ids, genres, np.array(cold, dtype=bool), popular)


def _fingerprints(table: ItemTable) -> dict[str, int]:
    return dict(zip(table.item_ids, table.fingerprints.tolist(), strict=True))


def _popular(
    documents: Mapping[str, Ratings], ids: Sequence[str], cut_off_ms: int, threshold: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    rows = [
        (user, item, value, at)
        for user, ratings in documents.items()
        for item, (value, at) in ratings.items()
        if value is not None and at <= cut_off_ms
    ]
    if not rows:
        return np.zeros(len(ids))
    users, items, values, times = zip(*rows, strict=True)
    table = Table(
        np.array(users, dtype=object), np.array(items, dtype=object), np.array(values), np.array(times)
    )
    return popular_scores(table, ids, threshold).astype(np.float64)


def _side(space: SpaceDocument, vectors: Mapping[str, VectorDocument], ids: Sequence[str]) -> Side:
    matrix = np.zeros((len(ids), space.dim), dtype=np.float32)
    present = np.array([item in vectors for item in ids], dtype=bool)
    for row in np.flatnonzero(present).tolist():
        matrix[row] = vectors[ids[row]].as_array()
    return Side(matrix, present, space.policy)
