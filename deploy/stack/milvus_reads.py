"""Reads for Milvus Lite 3.2.2 that wait for no flush and no compaction.

Upstream takes the lock that a flush or a compaction holds to its end, up to half a second on a slow machine,
and then reads the memtable apart from the segments: what a flush moves in between is seen in neither. Here
every read has one view, replaced in one step when a flush or a compaction has ended: until then it holds the
memtable that is being flushed and the segments that are being merged. Writers wait for a flush as before, so
nothing is written into a memtable that no view holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

READS = ("get", "search", "query", "_num_entities")
Change = Callable[[Any], None]


class View(NamedTuple):
    """What a collection holds, all of one moment."""

    segments: tuple[Any, ...]
    tombstones: Any
    memtable: Any


def install() -> None:
    """Read from views in this process; the caller has checked that this version is the known one.

    ``milvus_writes`` comes first: by it a flush swaps the memtable under the lock under which views are made.
    """
    from milvus_lite.engine.collection import Collection

    Collection._refresh_segment_cache = seen_when_whole(Collection._refresh_segment_cache)
    Collection.drop_partition = refreshed(Collection.drop_partition)
    for name in READS:
        setattr(Collection, name, on_a_view(getattr(Collection, name)))


def seen_when_whole(upstream: Change) -> Change:
    """``_refresh_segment_cache``, with which a collection's opening, a flush and a compaction end."""

    def refresh(self: Any) -> None:
        upstream(self)
        _show(self)

    return refresh


def refreshed(upstream: Callable[..., None]) -> Callable[..., None]:
    """``drop_partition``, which forgets segments by itself."""

    def drop_partition(self: Any, partition_name: str) -> None:
        with self._maintenance_lock:
            upstream(self, partition_name)
            self._refresh_segment_cache()

    return drop_partition


def _show(collection: Any) -> None:
    segments = tuple(collection._segment_cache.values())
    collection._marquee_view = View(segments, collection._delta_index.frozen_copy(), collection._memtable)


def on_a_view(upstream: Callable[..., Any]) -> Callable[..., Any]:
    """A method that reads, on the collection as its view shows it."""

    def read(self: Any, *arguments: Any, **options: Any) -> Any:
        view: View = self._marquee_view
        shown = object.__new__(type(self))
        # reads rebind nothing of the collection, so a shallow copy is as good as itself
        shown.__dict__ = {
            **self.__dict__,
            "_memtable": view.memtable,
            "_read_snapshot": lambda: (view.segments, view.tombstones),
        }
        return upstream(shown, *arguments, **options)

    return read
