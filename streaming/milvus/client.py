"""The one client of Milvus in a process: explicit timeouts, the cluster's limits, our own errors."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import grpc
import numpy as np
from pymilvus import CollectionSchema, MilvusClient
from pymilvus.exceptions import ErrorCode, MilvusException
from pymilvus.milvus_client.index import IndexParams

from streaming.control.documents import SpaceDocument
from streaming.exceptions import ConfigurationError
from streaming.milvus.exceptions import CollectionMissingError, MilvusUnavailableError, RowRefusedError
from streaming.milvus.filters import key_range, one_of
from streaming.milvus.limits import MAX_RESULT, Row, check_limit, check_vector, last_wins, messages
from streaming.milvus.packing import packed
from streaming.milvus.rows import (
    ITEM_FIELDS,
    ITEM_META,
    USER_FIELDS,
    ItemHit,
    ItemRow,
    UserRow,
    Vector,
    item_hit,
    item_row,
    items_index,
    items_schema,
    user_row,
    users_index,
    users_schema,
)
from streaming.settings import Settings

# it logs every failed call with its expression, and so user ids; we raise and log in our own way
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

_KEYS = 2_000
_NOT_LOADED = 101
_MISSING_WORDS = ("not found", "not exist", "can't find collection")
_LOADED_WORDS = ("not loaded",)


def _is_missing(error: MilvusException) -> bool:
    text = str(error.message).lower()
    return error.code in (4, ErrorCode.COLLECTION_NOT_FOUND) or (
        "collection" in text and any(words in text for words in _MISSING_WORDS)
    )


def _is_released(error: MilvusException) -> bool:
    return error.code == _NOT_LOADED or any(words in str(error.message).lower() for words in _LOADED_WORDS)


@contextmanager
def _translated(collection: str) -> Iterator[None]:
    try:
        yield
    except MilvusException as error:
        if _is_missing(error):
            raise CollectionMissingError(f"Milvus has no collection {collection}") from None
        raise MilvusUnavailableError(f"Milvus ({collection}): {error.message or error}") from error
    except grpc.RpcError as error:
        raise MilvusUnavailableError(f"Milvus does not answer: {error}") from error


class MilvusStore:
    """Rows in and out of Milvus. Threads may share one; make it after a fork. Connects on first use.

    Every method raises MilvusUnavailableError where Milvus does not answer within
    ``settings.milvus.timeout_s`` and CollectionMissingError where a collection is gone.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.milvus
        self._timeout = settings.milvus.timeout_s
        self._lock = threading.Lock()
        self._connected: MilvusClient | None = None
        self._dims: dict[str, int] = {}

    def close(self) -> None:
        """Let the connection go; the next call makes a new one."""
        with self._lock:
            if self._connected is not None:
                self._connected.close()
            self._connected = None

    @property
    def client(self) -> MilvusClient:
        """The pymilvus client underneath, connected."""
        with self._lock:
            if self._connected is None:
                options: dict[str, Any] = {}
                if self._settings.tls_ca is not None:
                    options |= {"secure": True, "server_pem_path": str(self._settings.tls_ca)}
                    if self._settings.tls_server_name:
                        options["server_name"] = self._settings.tls_server_name
                with _translated(self._settings.uri):
                    self._connected = MilvusClient(
                        uri=self._settings.uri,
                        token=self._settings.token.get_secret_value(),
                        db_name=self._settings.database,
                        timeout=self._timeout,
                        **options,
                    )
            return self._connected

    def ready(self) -> bool:
        """Whether Milvus answers a real request."""
        try:
            with _translated("list_collections"):
                self.client.list_collections(timeout=self._timeout)
        except MilvusUnavailableError:
            return False
        return True

    # collections -------------------------------------------------------------------------------------

    def create_space_collections(self, space: SpaceDocument) -> None:
        """Create and load the space's two collections where they are missing.

        Raises:
            ConfigurationError: if one exists with another dimension.
        """
        self._create(space.items_collection, space.dim, items_schema(space.dim), items_index())
        self.create_users_collection(space)

    def create_users_collection(self, space: SpaceDocument) -> None:
        """Create and load the user collection of the space's generation where it is missing."""
        self._create(space.users_collection, space.dim, users_schema(space.dim), users_index())

    def drop_space_collections(self, space: SpaceDocument) -> None:
        """Drop the space's two collections; one that is gone already is no error."""
        for collection in (space.items_collection, space.users_collection):
            self.drop_collection(collection)

    def drop_collection(self, collection: str) -> None:
        """Drop one collection; if it is gone already, that is no error."""
        with _translated(collection):
            if self.client.has_collection(collection, timeout=self._timeout):
                self.client.drop_collection(collection, timeout=self._timeout)
        self._dims.pop(collection, None)

    def list_collections(self) -> list[str]:
        """Names of all collections."""
        with _translated("list_collections"):
            return list(self.client.list_collections(timeout=self._timeout))

    def count(self, collection: str) -> int:
        """Rows in a collection."""
        rows = self._query(collection, "", ["count(*)"], None)
        return int(rows[0]["count(*)"])

    def _create(self, collection: str, dim: int, schema: CollectionSchema, index: IndexParams) -> None:
        with _translated(collection):
            if not self.client.has_collection(collection, timeout=self._timeout):
                try:
                    self.client.create_collection(
                        collection,
                        schema=schema,
                        index_params=index,
                        consistency_level="Bounded",
                        timeout=self._timeout,
                    )
                except MilvusException:
                    # another worker of the space may have been faster
                    if not self.client.has_collection(collection, timeout=self._timeout):
                        raise
            if (found := self._dim(collection)) != dim:
                raise ConfigurationError(f"{collection} holds {found} dimensions, the space has {dim}")
            # a creator that was stopped half-way has left it without index
            if not self.client.list_indexes(collection, timeout=self._timeout):
                self.client.create_index(collection, index, timeout=self._timeout)
            self.client.load_collection(collection, timeout=self._timeout)

    def _dim(self, collection: str) -> int:
        fields = self.client.describe_collection(collection, timeout=self._timeout)["fields"]
        dim = next(int(f["params"]["dim"]) for f in fields if f["name"] == "vector")
        self._dims[collection] = dim
        return dim

    # rows in -----------------------------------------------------------------------------------------

    def upsert_users(self, collection: str, rows: Sequence[UserRow]) -> None:
        """Write whole rows, the last of each user.

        Raises:
            RowRefusedError: for a row with NaN, infinity, a wrong dimension or over a limit; none is written.
        """
        self._upsert(collection, "user_id", [row.to_milvus() for row in rows])

    def upsert_items(self, collection: str, rows: Sequence[ItemRow]) -> None:
        """Write whole rows, the last of each item. Raises as :meth:`upsert_users`."""
        self._upsert(collection, "item_id", [row.to_milvus() for row in rows])

    def _upsert(self, collection: str, key: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        rows = last_wins(rows, key)
        with _translated(collection):
            dim = self._dims.get(collection) or self._dim(collection)
            vectors = [row["vector"] for row in rows]
            if any(v.shape != (dim,) or v.dtype != np.float32 for v in vectors):
                raise RowRefusedError(f"{collection} takes vectors of float32[{dim}]")
            if not np.isfinite(np.stack(vectors)).all():
                raise RowRefusedError(f"a vector for {collection} holds NaN or infinity")
            for batch in list(messages(rows)):
                self.client.upsert(collection, [packed(row) for row in batch], timeout=self._timeout)

    def delete(self, collection: str, key: str, ids: Iterable[str]) -> None:
        """Delete rows by ``key`` (``user_id`` or ``item_id``); absent ones are no error."""
        wanted = list(ids)
        with _translated(collection):
            for start in range(0, len(wanted), _KEYS):
                chunk = one_of(key, wanted[start : start + _KEYS])
                self.client.delete(collection, filter=chunk, timeout=self._timeout)

    # rows out ----------------------------------------------------------------------------------------

    def get_user(self, collection: str, user_id: str) -> UserRow | None:
        """A user's row."""
        rows = self._query(collection, one_of("user_id", [user_id]), USER_FIELDS, 1)
        return user_row(rows[0]) if rows else None

    def user_of(self, space: SpaceDocument, user_id: str) -> UserRow | None:
        """A user's row in a space; the former generation's while the present one is being filled."""
        former = space.former_users_collection(int(time.time() * 1000))
        if former is None:
            return self.get_user(space.users_collection, user_id)
        for collection in (space.users_collection, former):
            # the one may not be made yet, the other be dropped already
            with suppress(CollectionMissingError):
                row = self.get_user(collection, user_id)
                if row is not None:
                    return row
        return None

    def get_users(self, collection: str, user_ids: Sequence[str]) -> dict[str, UserRow]:
        """The rows of those users that have one."""
        return {
            entity["user_id"]: user_row(entity)
            for chunk in _chunks(user_ids)
            for entity in self._query(collection, one_of("user_id", chunk), USER_FIELDS, None)
        }

    def get_items(self, collection: str, item_ids: Sequence[str]) -> dict[str, ItemRow]:
        """The rows of those items that have one."""
        return {
            entity["item_id"]: item_row(entity)
            for chunk in _chunks(item_ids)
            for entity in self._query(collection, one_of("item_id", chunk), ITEM_FIELDS, None)
        }

    def search_items(
        self,
        collection: str,
        vector: Vector,
        limit: int,
        ef: int | None = None,
        filter: str | None = None,  # noqa: A002 - Milvus's own word
        output_fields: Sequence[str] = ITEM_META,
    ) -> list[ItemHit]:
        """The ``limit`` items of largest inner product with ``vector`` (float32 (dim,)), best first.

        ``ef`` is raised to ``settings.milvus.ef`` and to the limit. ``filter`` comes from
        :mod:`streaming.milvus.filters`.

        Raises:
            RowRefusedError: for a limit over the cluster's, or a vector with NaN or infinity.
        """
        check_limit(limit)
        check_vector(vector, vector.shape[0] if vector.ndim == 1 else 0)
        ef = max(ef or 0, self._settings.ef, limit)

        def search() -> Any:
            return self.client.search(
                collection,
                data=[vector],
                anns_field="vector",
                limit=limit,
                filter=filter or "",
                # none at all means every field to Milvus Lite, which then reads whole rows
                output_fields=list(output_fields) or ["item_id"],
                search_params={"metric_type": "IP", "params": {"ef": ef}},
                consistency_level="Bounded",
                timeout=self._timeout,
            )

        hits = self._loaded(collection, search)[0]
        return [item_hit(hit["item_id"], hit["distance"], hit["entity"]) for hit in hits]

    def digests(
        self, collection: str, key: str, part: int, low: str | None = None, high: str | None = None
    ) -> dict[str, tuple[int, int]]:
        """id -> (revision, digest) of the rows of ``part`` with ``low <= id < high`` (by UTF-8 bytes).

        At most 16,384 rows come back: an answer of that many is cut and says nothing of the rest.
        """
        rows = self._query(
            collection, key_range(key, part, low, high), [key, "revision", "digest"], MAX_RESULT
        )
        return {row[key]: (row["revision"], row["digest"]) for row in rows}

    def parts(self, collection: str, key: str, ids: Sequence[str]) -> dict[str, int]:
        """id -> partition of those rows that exist."""
        return {
            entity[key]: entity["part"]
            for chunk in _chunks(ids)
            for entity in self._query(collection, one_of(key, chunk), [key, "part"], None)
        }

    def _query(
        self, collection: str, expression: str, fields: Sequence[str], limit: int | None
    ) -> list[dict[str, Any]]:
        options = {} if limit is None else {"limit": limit}

        def query() -> list[dict[str, Any]]:
            return list(
                self.client.query(
                    collection,
                    filter=expression,
                    output_fields=list(fields),
                    consistency_level="Bounded",
                    timeout=self._timeout,
                    **options,
                )
            )

        rows: list[dict[str, Any]] = self._loaded(collection, query)
        return rows

    def _loaded(self, collection: str, call: Callable[[], Any]) -> Any:
        """``call``, once more after loading where a restart of Milvus has left the collection released."""
        with _translated(collection):
            try:
                return call()
            except MilvusException as error:
                if not _is_released(error):
                    raise
                self.client.load_collection(collection, timeout=self._timeout)
                return call()


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _KEYS):
        yield ids[start : start + _KEYS]
