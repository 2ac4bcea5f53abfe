"""Claim: at least 20,000 profiles/s computed, and written at 0.8 of Milvus upserts alone or more.

Computed: ``streaming.space.profile`` in-process, 80 likes a user, 256 dimensions. Written: the writer of the
space worker, from dirty users to rows in Milvus Lite, against the same rows, ready made, upserted by pymilvus
in batches of the same size, in turns. Besides: how long the reconciler of a real worker process takes to
compare every row, and how much memory that process uses, for few and for many users.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import psutil
from pymilvus import MilvusClient
from rich.console import Console

from benchmarks._services import running, services, wait_for
from benchmarks._space import (
    DIM,
    TIME_MS,
    ask,
    make_films,
    make_space,
    put_documents,
    put_vectors,
    status_of,
)
from benchmarks.report import Goal, publish
from streaming.control.documents import MEAN
from streaming.control.presence import read_presence
from streaming.documents import VectorDocument
from streaming.documents.vector import SCHEMA
from streaming.milvus.client import MilvusStore
from streaming.milvus.seen import LIKED
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.space.profile import profiles
from streaming.space.state import SpaceState
from streaming.space.writer import Writer

FILMS = int(os.environ.get("MARQUEE_BENCH_FILMS", "10000"))
USERS = int(os.environ.get("MARQUEE_BENCH_USERS", "6000"))
MANY_USERS = int(os.environ.get("MARQUEE_BENCH_MANY_USERS", "200000"))
QUICK = os.environ.get("MARQUEE_BENCH_QUICK", "") not in ("", "0")
LIKES, REPEATS, ROUNDS = 80, 5, 4
console = Console(stderr=True)


def computed() -> list[float]:
    """Profiles per CPU-second of each repeat: whoever else runs takes none of that."""
    rng, films = np.random.default_rng(0), make_films(FILMS)
    rows = rng.integers(0, FILMS, size=USERS * LIKES).astype(np.int32)
    present = np.ones(len(rows), dtype=bool)
    classes = np.full(len(rows), LIKED, dtype=np.uint8)
    bounds = np.arange(USERS + 1, dtype=np.int64) * LIKES
    rates = []
    for _ in range(REPEATS):
        began = time.process_time()
        profiles(films.vectors, present, rows, classes, bounds, MEAN)
        rates.append(USERS / (time.process_time() - began))
    return rates


def filled_state(settings: Settings, state: SpaceState) -> dict[str, int]:
    """Films and users put into the state as the projector puts them; user -> partition."""
    films, parts, rng = make_films(FILMS), settings.topics.ratings_partitions, np.random.default_rng(2)
    documents = [
        VectorDocument(SCHEMA, v.tobytes(), "Film", 1999, ("Drama",), "", "b@1") for v in films.vectors
    ]
    state.put_vectors(
        (item, partition_of(item, settings.topics.items_partitions), n, document)
        for n, (item, document) in enumerate(zip(films.ids, documents, strict=True))
    )
    state.vectors_loaded = True
    for part in range(parts):
        state.own_users(part)
    users = {f"u{n}": partition_of(f"u{n}", parts) for n in range(USERS)}
    for revision, (user, part) in enumerate(users.items()):
        liked = rng.choice(FILMS, size=LIKES, replace=False).tolist()
        state.put_user(part, user, revision, {films.ids[n]: (4.5, TIME_MS) for n in liked})
    for part in range(parts):
        state.users_loaded(part)
    return users


def written(settings: Settings) -> tuple[list[float], list[float]]:
    """(rows a second by the writer, by upserts alone) of each round; both write batch by batch, in turns."""
    space, other = make_space(settings), make_space(settings)
    store, batch = MilvusStore(settings), settings.space.write_batch
    state = SpaceState(space, "bench", 3600.0)
    users = filled_state(settings, state)
    state.polled("users")
    writer = Writer(state, store, batch, lambda: None)

    def mark() -> None:
        for user, part in users.items():
            state.mark("users", part, [user], live=True)

    mark()
    ready = []
    while state.dirty["users"]:
        rows, _ = state.take_users(batch)
        ready.append([row.to_milvus() for row in rows])
        state.finish("users", True)
    token = settings.milvus.token.get_secret_value()
    client = MilvusClient(uri=settings.milvus.uri, token=token, timeout=30)
    by_writer, alone = [], []
    for _ in range(ROUNDS):
        mark()
        ours = raw = 0.0
        for rows_of_batch in ready:
            began = time.perf_counter()
            assert writer.write_once(), "there were rows to write"
            ours += time.perf_counter() - began
            began = time.perf_counter()
            client.upsert(other.users_collection, rows_of_batch)
            raw += time.perf_counter() - began
        assert not writer.write_once(), "all rows are written"
        by_writer.append(USERS / ours)
        alone.append(USERS / raw)
    assert store.count(space.users_collection) == USERS, "the writer has not written every row"
    client.close()
    store.close()
    # the first round creates every row, the others replace them
    return by_writer[1:], alone[1:]


def reconciled(users: int) -> dict[str, Any]:
    """A real worker: loads and writes everything, then compares everything once more."""
    with services(milvus=True) as settings:
        space, films, store = make_space(settings), make_films(FILMS), MilvusStore(settings)
        console.print(f"writing {users:,} documents of {LIKES} likes")
        put_vectors(settings, space, films)
        put_documents(settings, films, users, LIKES)
        role = f"space:{space.space}"
        with running(settings, ("space", space.space)) as (child,):
            began = time.monotonic()
            wait_for(lambda: status_of(settings, role), 120, "the worker answers")
            (beat,) = [b for b in read_presence(settings).values() if b.role == role]

            def clean() -> bool:
                now = ask(settings, beat.address, "/status")
                if now is None or None in now["last_clean_ms"].values():
                    return False
                # partitions that are still being loaded are not counted as owned
                return store.count(space.users_collection) == users

            wait_for(clean, 1_800, "all rows written and found right", 1.0)
            ready = time.monotonic() - began
            console.print("a full pass of the reconciler")
            answer = ask(settings, beat.address, "/reconcile", {"all": True})
            assert answer is not None, "the worker does not take requests"
            began = time.monotonic()

            def finished() -> bool:
                now = ask(settings, beat.address, "/passes")
                return now is not None and now["finished"] >= answer["pass"]

            wait_for(finished, 1_800, "the pass is finished", 0.05)
            seconds = time.monotonic() - began
            memory = psutil.Process(child.pid).memory_info().rss / 2**20
            passes = ask(settings, beat.address, "/passes") or {}
            store.close()
    console.print(f"ready after {ready:.0f} s, a pass in {seconds:.1f} s, {memory:.0f} MiB")
    return {
        "users": users,
        "ready_s": ready,
        "pass_s": seconds,
        "rss_mib": memory,
        "repaired_users": passes["repaired"]["users"],
    }


def main() -> None:
    """Compute, write, compare."""
    console.print("computing profiles")
    rates = computed()
    with services(milvus=True) as settings:
        console.print("writing rows by the writer and by upserts alone")
        by_writer, alone = written(settings)
    passes = [reconciled(users) for users in ([USERS] if QUICK else [USERS, MANY_USERS])]
    rate, ours, raw = (float(np.median(values)) for values in (rates, by_writer, alone))
    rows = [
        {"what": "profiles per CPU-second, computed", "users": USERS, "value": rate},
        {"what": "rows/s written by the writer", "users": USERS, "value": ours},
        {"what": "rows/s, Milvus upserts alone", "users": USERS, "value": raw},
    ]
    for found in passes:
        rows += [
            {"what": "s, full pass of the reconciler", "users": found["users"], "value": found["pass_s"]},
            {"what": "s, start to all rows right", "users": found["users"], "value": found["ready_s"]},
            {"what": "MiB, worker process", "users": found["users"], "value": found["rss_mib"]},
        ]
    publish(
        "projector",
        {"films": FILMS, "likes": LIKES, "dim": DIM, "computed": rates, "passes": passes}
        | {"written_by_writer": by_writer, "upserts_alone": alone},
        rows,
        [
            Goal(f"profiles per CPU-second, {LIKES} likes, {DIM}-d", rate, 20_000),
            Goal("rows written / Milvus upserts alone", ours / raw, 0.8),
        ],
    )


if __name__ == "__main__":
    main()
