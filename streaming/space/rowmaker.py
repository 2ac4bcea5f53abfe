"""What the rows of a space should be, from item matrix and user arrays, whole batches at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from streaming.control.documents import Policy
from streaming.milvus.rows import ItemRow, UserRow
from streaming.milvus.seen import LIKED, encode_seen
from streaming.space.arrays import Batch, UserPartition
from streaming.space.digest import mix, user_digests
from streaming.space.matrix import ABSENT, ItemMatrix
from streaming.space.profile import count_per_user, profiles


def join(batches: Sequence[Batch]) -> Batch:
    """Batches one after the other; at least one."""
    if len(batches) == 1:
        return batches[0]
    offset, bounds = 0, [np.zeros(1, dtype=np.int64)]
    for batch in batches:
        bounds.append(batch.bounds[1:] + offset)
        offset += int(batch.bounds[-1])
    return Batch(
        rows=np.concatenate([b.rows for b in batches]),
        classes=np.concatenate([b.classes for b in batches]),
        bounds=np.concatenate(bounds),
        revisions=np.concatenate([b.revisions for b in batches]),
        ages=np.concatenate([b.ages for b in batches]),
    )


def batch_digests(matrix: ItemMatrix, batch: Batch, start: int) -> npt.NDArray[np.int64]:
    """Digests of the batch's users, int64 (users,); ``start`` is the space's seed."""
    mixed = mix(matrix.hashes[batch.rows], batch.classes, matrix.revisions[batch.rows])
    return user_digests(mixed, batch.bounds, start)


def make_user_rows(
    matrix: ItemMatrix,
    partitions: Mapping[int, UserPartition],
    wanted: Mapping[str, int],
    policy: Policy,
    start: int,
    writer: str,
    now_ms: int,
) -> tuple[list[UserRow], list[str]]:
    """Rows of the ``wanted`` users (id -> partition), and those of them that must have none.

    Users of partitions that are not in ``partitions`` are left out of both.
    """
    by_part: dict[int, list[str]] = {}
    gone: list[str] = []
    for user_id, part in wanted.items():
        users = partitions.get(part)
        if users is None:
            continue
        if user_id in users:
            by_part.setdefault(part, []).append(user_id)
        else:
            gone.append(user_id)
    if not by_part:
        return [], gone
    batch = join([partitions[part].batch(ids) for part, ids in by_part.items()])
    order = [(user_id, part) for part, ids in by_part.items() for user_id in ids]
    present = matrix.revisions[batch.rows] != ABSENT
    vectors = profiles(matrix.vectors, present, batch.rows, batch.classes, batch.bounds, policy, batch.ages)
    digests = batch_digests(matrix, batch, start).tolist()
    liked = count_per_user(batch.classes == LIKED, batch.bounds).tolist()
    hashes, bounds, revisions = matrix.hashes[batch.rows], batch.bounds.tolist(), batch.revisions.tolist()
    rows = [
        UserRow(
            user_id=user_id,
            vector=vectors[i],
            revision=revisions[i],
            part=part,
            digest=digests[i],
            writer=writer,
            n_liked=liked[i],
            n_rated=bounds[i + 1] - bounds[i],
            updated_at=now_ms,
            seen=encode_seen(hashes[bounds[i] : bounds[i + 1]], batch.classes[bounds[i] : bounds[i + 1]]),
        )
        for i, (user_id, part) in enumerate(order)
    ]
    return rows, gone


def make_item_rows(
    matrix: ItemMatrix, parts: set[int], wanted: Mapping[str, int]
) -> tuple[list[ItemRow], list[str]]:
    """Rows of the ``wanted`` items (id -> partition), and those of them that must have none."""
    rows: list[ItemRow] = []
    gone: list[str] = []
    for item_id, part in wanted.items():
        if part not in parts:
            continue
        number = matrix.rows.get(item_id)
        document = None if number is None else matrix.documents[number]
        if number is None or document is None:
            gone.append(item_id)
            continue
        rows.append(
            ItemRow(
                item_id=item_id,
                vector=matrix.vectors[number].copy(),
                title=document.title,
                year=document.year,
                genres=document.genres,
                poster=document.poster,
                revision=int(matrix.revisions[number]),
                part=int(matrix.partitions[number]),
                digest=int(matrix.digests[number]),
            )
        )
    return rows, gone


Expected = dict[str, tuple[int, int]]
"""id -> (revision, digest)."""


def expected_users(matrix: ItemMatrix, users: UserPartition, ids: Sequence[str], start: int) -> Expected:
    """What the rows of these users of one partition should say; users not known are left out."""
    known = [user_id for user_id in ids if user_id in users]
    if not known:
        return {}
    batch = users.batch(known)
    digests = batch_digests(matrix, batch, start)
    return dict(zip(known, zip(batch.revisions.tolist(), digests.tolist(), strict=True), strict=True))


def expected_items(matrix: ItemMatrix, ids: Sequence[str]) -> Expected:
    """What the rows of these items should say; items without a vector are left out."""
    found: Expected = {}
    for item_id in ids:
        number = matrix.rows.get(item_id)
        if number is not None and matrix.revisions[number] != ABSENT:
            found[item_id] = (int(matrix.revisions[number]), int(matrix.digests[number]))
    return found
