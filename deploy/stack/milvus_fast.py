"""A quicker search for Milvus Lite 3.2.2: what upstream does row by row in Python, done on arrays.

Upstream builds, on every search, a map of every row's newest version and a mask row by row, hands faiss a
list of ids, and turns each hit's whole row (its vector too) into Python objects. Here the mask of live rows
is kept for each set of segments, faiss gets a bitmap, and only the columns asked for are read. Answers are
the same (a test compares them); what this does not cover, and every other version of Milvus Lite, goes to
upstream's own search.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deploy.stack import milvus_reads, milvus_writes

Mask = npt.NDArray[np.bool_]
Hits = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
"""Row numbers and distances (smaller is nearer) of one query in one source, nearest first."""

KNOWN_SOURCES = "4b03f1aaec01740ab8fcfbf9c6f993c39e6d6f0fd1b8be39409ebd22d90cd301"
SOURCES = (
    "search/executor_indexed.py",
    "index/faiss_hnsw.py",
    "storage/segment.py",
    "storage/memtable.py",
    "storage/delta_index.py",
    "storage/data_file.py",
    "engine/collection.py",
)
REMEMBERED = 4
"""Sets of segments: each keeps its segments in memory, also those that a compaction has replaced."""
FAISS_PADDING = 1e30
LEFT_TO_UPSTREAM = "a search is left to Milvus Lite's own, slow one"
"""Said once for each reason, in the server's log."""


def sources_digest() -> str:
    """SHA-256 over the upstream files that this module, ``milvus_writes`` and ``milvus_reads`` rely on."""
    import milvus_lite

    root = Path(milvus_lite.__file__).parent
    return hashlib.sha256(b"".join((root / name).read_bytes() for name in SOURCES)).hexdigest()


def install() -> bool:
    """Search and write quicker in this process; False where upstream is not the version it was made for."""
    if sources_digest() != KNOWN_SOURCES:
        return False
    milvus_writes.install()
    milvus_reads.install()
    from milvus_lite.engine import collection
    from milvus_lite.search.executor_indexed import execute_search_with_index

    collection.execute_search_with_index = Searcher(execute_search_with_index)
    return True


class Searcher:
    """Stands in for ``execute_search_with_index``.

    Args:
        upstream: the original, for what is not covered.
    """

    def __init__(self, upstream: Callable[..., list[list[dict[str, Any]]]]) -> None:
        self._upstream = upstream
        self._masks: OrderedDict[tuple[int, ...], tuple[list[Any], list[Mask]]] = OrderedDict()
        self._lock = threading.Lock()
        self._told: set[str] = set()

    def __call__(self, **call: Any) -> list[list[dict[str, Any]]]:
        """Search; arguments and answer as upstream's."""
        segments = [segment for segment in call["segments"] if segment.num_rows > 0]
        reason = _not_covered(call, segments)
        if reason:
            if reason not in self._told:
                self._told.add(reason)
                print(f"{LEFT_TO_UPSTREAM}: {reason}", flush=True)
            return self._upstream(**call)
        return self._search(call, segments)

    def _search(self, call: Mapping[str, Any], segments: list[Any]) -> list[list[dict[str, Any]]]:
        queries = np.ascontiguousarray(np.atleast_2d(call["query_vectors"]), dtype=np.float32)
        compiled, top_k = call["compiled_filter"], call["top_k"]
        memtable, field = call["memtable"], call["vector_field"]
        snapshot = memtable.to_search_snapshot(vector_field=field, include_table=compiled is not None)
        keys, seqs, vectors, references, table = snapshot
        deletes = memtable.delete_index_snapshot()
        sources: list[list[Hits]] = []
        for segment, live in zip(segments, self._live(segments), strict=True):
            mask = _without_newer(segment, live, dict(zip(keys, seqs.tolist(), strict=True)), deletes, call)
            if compiled is not None:
                mask = mask & _segment_filter(segment, compiled, call["indexed_filter_plan"])
            segment_vectors, nulls = segment.vector_data(field)
            mask = mask if nulls is None else mask & nulls
            index = segment.indexes.get(field)
            sources.append(_nearest(index, segment_vectors, mask, queries, top_k, call))
        if keys:
            deleted = call["delta_index"].is_deleted
            rows = zip(keys, seqs.tolist(), strict=True)
            alive = [not deleted(k, s) and deletes.get(k, (-1,))[0] <= s for k, s in rows]
            mask = np.asarray(alive, dtype=bool)
            if compiled is not None and table is not None:
                mask = mask & _memtable_filter(table, compiled)
            sources.append(_nearest(None, vectors, mask, queries, top_k, call))
        return [
            self._records(call, segments, references, [source[q] for source in sources])
            for q in range(len(queries))
        ]

    def _live(self, segments: list[Any]) -> list[Mask]:
        """For each segment the rows that no other segment holds a newer version of; segments never change."""
        key = tuple(id(segment) for segment in segments)
        with self._lock:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key][1]
        masks = newest(segments)
        with self._lock:
            # the segments are kept with their masks, so that an id is not given to another one
            self._masks[key] = (segments, masks)
            while len(self._masks) > REMEMBERED:
                self._masks.popitem(last=False)
        return masks

    def _records(
        self, call: Mapping[str, Any], segments: list[Any], references: Sequence[Any], hits: list[Hits]
    ) -> list[dict[str, Any]]:
        """The ``top_k`` nearest of all sources, ties by source and row, with the columns asked for."""
        if not hits:
            return []
        rows = np.concatenate([ids for ids, _ in hits])
        distances = np.concatenate([d for _, d in hits])
        source = np.repeat(np.arange(len(hits)), [len(ids) for ids, _ in hits])
        best = np.lexsort((rows, source, distances))[: call["top_k"]]
        records: list[dict[str, Any]] = [{}] * len(best)
        for number in np.unique(source[best]):
            places = np.flatnonzero(source[best] == number)
            wanted = rows[best[places]]
            if number < len(segments):
                found = _read(segments[number].table, wanted, call)
            else:
                found = [call["memtable"].materialize_row(*references[row]) for row in wanted]
            for place, record in zip(places, found, strict=True):
                records[place] = record
        project, key = call["project_record_fn"], call["pk_field"]
        return [
            {"id": record[key], "distance": float(distances[place]), "entity": project(record)}
            for place, record in zip(best, records, strict=True)
        ]


def newest(segments: Sequence[Any]) -> list[Mask]:
    """Masks of the rows whose key has no newer version in another segment."""
    masks = [np.ones(len(segment.pks), dtype=bool) for segment in segments]
    order = sorted(range(len(segments)), key=lambda i: -len(segments[i].pks))
    for place, small in enumerate(order):
        for large in order[:place]:
            held = segments[large].pk_to_row
            for key, row in segments[small].pk_to_row.items():
                other = held.get(key)
                if other is None:
                    continue
                if segments[large].seqs[other] < segments[small].seqs[row]:
                    masks[large][other] = False
                else:
                    masks[small][row] = False
    return masks


def _not_covered(call: Mapping[str, Any], segments: Sequence[Any]) -> str:
    """Why a search is upstream's; empty where it is not."""
    if call["partition_names"]:
        return "partitions are named"
    if call["project_record_fn"] is None or call["top_k"] <= 0 or len(call["query_vectors"]) == 0:
        return "nothing is asked for"
    if any("$meta" in segment.table.schema.names for segment in segments):
        return "fields are dynamic"
    if any(len(segment.pk_to_row) != len(segment.pks) for segment in segments):
        return "a segment holds a key twice"
    return ""


def _without_newer(
    segment: Any, live: Mask, written: Mapping[Any, int], deletes: Mapping[Any, Any], call: Mapping[str, Any]
) -> Mask:
    """``live`` without rows that the memtable holds a newer version of, or that were deleted later."""
    mask, rows, seqs = live.copy(), segment.pk_to_row, segment.seqs

    def shadow(key: Any, seq: int) -> None:
        row = rows.get(key)
        if row is not None and seq > seqs[row]:
            mask[row] = False

    for key, seq in written.items():
        shadow(key, seq)
    for key, entry in deletes.items():
        shadow(key, entry[0])
    tombstones = call["delta_index"]._map
    if len(tombstones) <= len(rows):
        for key, seq in list(tombstones.items()):
            shadow(key, seq)
    else:
        for key in rows:
            shadow(key, tombstones.get(key, -1))
    return mask


def _segment_filter(segment: Any, compiled: Any, plan: Any) -> Mask:
    from milvus_lite.search.indexed_filter import evaluate_segment_filter

    return np.asarray(evaluate_segment_filter(segment, compiled, plan), dtype=bool)


def _memtable_filter(table: Any, compiled: Any) -> Mask:
    from milvus_lite.search.filter import evaluate_mask

    return np.asarray(evaluate_mask(compiled, table), dtype=bool)


def _nearest(
    index: Any,
    vectors: npt.NDArray[np.float32],
    mask: Mask,
    queries: npt.NDArray[np.float32],
    top_k: int,
    call: Mapping[str, Any],
) -> list[Hits]:
    """For each query the nearest rows of one source."""
    from milvus_lite.index.brute_force import BruteForceIndex
    from milvus_lite.index.faiss_hnsw import FaissHnswIndex

    if not mask.any():
        return [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(queries)
    params = call["search_params"]
    if isinstance(index, FaissHnswIndex) and index.metric == "IP":
        ids, distances = _hnsw(index, mask, queries, top_k, params or {})
    else:
        index = index or BruteForceIndex.build(vectors, call["metric_type"])
        valid = None if mask.all() else mask
        ids, distances = index.search(queries, top_k, valid_mask=valid, params=params)
    hits = []
    for one, far in zip(ids, distances, strict=True):
        good = (one >= 0) & (np.abs(far) < FAISS_PADDING)
        hits.append((one[good].astype(np.int64), far[good].astype(np.float32)))
    return hits


def _hnsw(
    index: Any, mask: Mask, queries: npt.NDArray[np.float32], top_k: int, params: Mapping[str, Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """faiss with a bitmap of valid rows; distance is the negative inner product."""
    import faiss as typed

    faiss: Any = typed  # its stubs lag behind it

    ef = int(params.get("ef", 64))
    if mask.all():
        parameters = faiss.SearchParametersHNSW(efSearch=ef)
    else:
        bits = np.packbits(mask, bitorder="little")
        selector = faiss.IDSelectorBitmap(bits)
        parameters = faiss.SearchParametersHNSW(sel=selector, efSearch=ef)
    similarities, ids = index._index.search(queries, top_k, params=parameters)
    return ids, -similarities


def _read(table: Any, rows: npt.NDArray[np.int64], call: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows as dictionaries of the columns asked for and the key."""
    fields = call["output_fields"]
    every = fields is None or "*" in fields
    columns = [n for n in table.schema.names if every or n in fields or n == call["pk_field"]]
    found: list[dict[str, Any]] = table.select(columns).take(rows).to_pylist()
    return found
