"""Rows of a space's two collections, and their schemas (DESIGN section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pymilvus import CollectionSchema, DataType, FieldSchema
from pymilvus.milvus_client.index import IndexParams

from streaming.events.items import MAX_LIST, MAX_LIST_ENTRY_BYTES, MAX_TITLE_BYTES
from streaming.ids import MAX_ID_BYTES
from streaming.milvus.limits import MAX_STRING_BYTES, truncate_bytes
from streaming.milvus.seen import NOTHING_SEEN, Seen

Vector = npt.NDArray[np.float32]
MAX_POSTER_BYTES = 2_100
HNSW_M, HNSW_EF_CONSTRUCTION = 32, 200

ITEM_META = ("title", "year", "genres", "poster")
"""What a search returns of an item unless told otherwise."""
ITEM_FIELDS = ("item_id", "vector", *ITEM_META, "revision", "part", "digest")
SEEN_FIELDS = ("seen0", "seen1", "seen2", "seen3")
USER_FIELDS = (
    "user_id", "vector", "revision", "part", "digest",
    "writer", "n_liked", "n_rated", "updated_at", *SEEN_FIELDS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item; ``revision`` is its record's offset in the vectors topic, ``vector`` float32 (dim,)."""

    item_id: str
    vector: Vector
    title: str
    year: int | None
    genres: tuple[str, ...]
    poster: str
    revision: int
    part: int
    digest: int

    def to_milvus(self) -> dict[str, Any]:
        """The row as Milvus takes it; text is cut to the schema's bytes, an unknown year is 0."""
        return {
            "item_id": self.item_id,
            "vector": self.vector,
            "title": truncate_bytes(self.title, MAX_TITLE_BYTES),
            "year": self.year or 0,
            "genres": [truncate_bytes(g, MAX_LIST_ENTRY_BYTES) for g in self.genres[:MAX_LIST]],
            "poster": truncate_bytes(self.poster, MAX_POSTER_BYTES),
            "revision": self.revision,
            "part": self.part,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class UserRow:
    """One user; ``revision`` is his document's offset in ``users.v1``, ``vector`` float32 (dim,).

    Without a like the vector is zero.
    """

    user_id: str
    vector: Vector
    revision: int
    part: int
    digest: int
    writer: str
    n_liked: int
    n_rated: int
    updated_at: int
    """ms since 1970 at which the row was computed."""
    seen: Seen = NOTHING_SEEN

    def to_milvus(self) -> dict[str, Any]:
        """The row as Milvus takes it."""
        seen = self.seen
        return {
            "user_id": self.user_id,
            "vector": self.vector,
            "revision": self.revision,
            "part": self.part,
            "digest": self.digest,
            "writer": self.writer,
            "n_liked": self.n_liked,
            "n_rated": self.n_rated,
            "updated_at": self.updated_at,
            "seen0": seen[0],
            "seen1": seen[1],
            "seen2": seen[2],
            "seen3": seen[3],
        }


@dataclass(frozen=True, slots=True)
class ItemHit:
    """One answer of a search: ``score`` is the inner product; fields that were not asked for are empty."""

    item_id: str
    score: float
    title: str = ""
    year: int | None = None
    genres: tuple[str, ...] = ()
    poster: str = ""
    vector: Vector | None = field(default=None, repr=False)


def as_vector(value: Any) -> Vector:
    """float32 (dim,) of what Milvus answers for a vector field."""
    return np.asarray(value, dtype=np.float32)


def user_row(entity: Mapping[str, Any]) -> UserRow:
    """The row in an answer that holds :data:`USER_FIELDS`."""
    return UserRow(
        user_id=entity["user_id"],
        vector=as_vector(entity["vector"]),
        revision=entity["revision"],
        part=entity["part"],
        digest=entity["digest"],
        writer=entity["writer"],
        n_liked=entity["n_liked"],
        n_rated=entity["n_rated"],
        updated_at=entity["updated_at"],
        seen=(entity["seen0"], entity["seen1"], entity["seen2"], entity["seen3"]),
    )


def item_row(entity: Mapping[str, Any]) -> ItemRow:
    """The row in an answer that holds :data:`ITEM_FIELDS`."""
    return ItemRow(
        item_id=entity["item_id"],
        vector=as_vector(entity["vector"]),
        title=entity["title"],
        year=entity["year"] or None,
        genres=tuple(entity["genres"]),
        poster=entity["poster"],
        revision=entity["revision"],
        part=entity["part"],
        digest=entity["digest"],
    )


def item_hit(item_id: str, score: float, entity: Mapping[str, Any]) -> ItemHit:
    """One hit of a search, with whatever fields it was asked for."""
    vector = entity.get("vector")
    return ItemHit(
        item_id=item_id,
        score=score,
        title=entity.get("title", ""),
        year=entity.get("year") or None,
        genres=tuple(entity.get("genres") or ()),
        poster=entity.get("poster", ""),
        vector=None if vector is None else as_vector(vector),
    )


def _key(name: str) -> FieldSchema:
    return FieldSchema(name, DataType.VARCHAR, max_length=MAX_ID_BYTES, is_primary=True)


def _common(dim: int) -> list[FieldSchema]:
    return [
        FieldSchema("vector", DataType.FLOAT_VECTOR, dim=dim),
        FieldSchema("revision", DataType.INT64),
        FieldSchema("part", DataType.INT16),
        FieldSchema("digest", DataType.INT64),
    ]


def items_schema(dim: int) -> CollectionSchema:
    """Schema of ``items__<space>``."""
    genres = FieldSchema(
        "genres",
        DataType.ARRAY,
        element_type=DataType.VARCHAR,
        max_capacity=MAX_LIST,
        max_length=MAX_LIST_ENTRY_BYTES,
    )
    return CollectionSchema(
        [
            _key("item_id"),
            *_common(dim),
            FieldSchema("title", DataType.VARCHAR, max_length=MAX_TITLE_BYTES),
            FieldSchema("year", DataType.INT16),
            genres,
            FieldSchema("poster", DataType.VARCHAR, max_length=MAX_POSTER_BYTES),
        ],
        enable_dynamic_field=False,
    )


def users_schema(dim: int) -> CollectionSchema:
    """Schema of ``users__<space>``."""
    return CollectionSchema(
        [
            _key("user_id"),
            *_common(dim),
            FieldSchema("writer", DataType.VARCHAR, max_length=200),
            FieldSchema("n_liked", DataType.INT32),
            FieldSchema("n_rated", DataType.INT32),
            FieldSchema("updated_at", DataType.INT64),
            *(FieldSchema(name, DataType.VARCHAR, max_length=MAX_STRING_BYTES) for name in SEEN_FIELDS),
        ],
        enable_dynamic_field=False,
    )


def items_index() -> IndexParams:
    """HNSW under inner product with the parameters that DESIGN section 7 measured."""
    params = IndexParams()
    params.add_index(
        "vector",
        index_type="HNSW",
        metric_type="IP",
        params={"M": HNSW_M, "efConstruction": HNSW_EF_CONSTRUCTION},
    )
    return params


def users_index() -> IndexParams:
    """Nobody searches users by vector; FLAT is what it costs least to keep."""
    params = IndexParams()
    params.add_index("vector", index_type="FLAT", metric_type="IP")
    return params
