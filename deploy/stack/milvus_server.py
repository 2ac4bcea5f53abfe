"""Milvus Lite as a server that several processes can share.

``python -m deploy.stack.milvus_server --data-dir DIR --port N``; the token comes in ``MARQUEE_MILVUS_TOKEN``.

What upstream's own server lacks (DESIGN section 7): its write-ahead log breaks under concurrent writers, so
mutating calls go one at a time; it checks no token; after a restart everything is released; it flushes
only when a memtable is full; two servers may share a port unseen.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

from deploy.stack import milvus_fast

MUTATING = (
    "AlterAlias",
    "AlterCollection",
    "AlterDatabase",
    "CreateAlias",
    "CreateCollection",
    "CreateDatabase",
    "CreateIndex",
    "CreatePartition",
    "Delete",
    "DropAlias",
    "DropCollection",
    "DropDatabase",
    "DropIndex",
    "DropPartition",
    "Flush",
    "Insert",
    "LoadCollection",
    "LoadPartitions",
    "ManualCompaction",
    "ReleaseCollection",
    "ReleasePartitions",
    "RenameCollection",
    "TruncateCollection",
    "Upsert",
)
MEMTABLE_BYTES = 8 * 2**20
MESSAGE_BYTES = 256 * 2**20
LOCK_WAIT_S = 15.0
"""A killed server's lock goes with its process; dying under load takes a moment."""


class TokenCheck(grpc.ServerInterceptor):  # type: ignore[misc]
    """Refuses calls without the token, in the header that a Milvus cluster reads it from."""

    def __init__(self, token: str) -> None:
        self._want = base64.b64encode(token.encode()).decode()

        def refuse(_: Any, context: grpc.ServicerContext) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "missing or wrong token")

        self._refuse = grpc.unary_unary_rpc_method_handler(refuse)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], details: grpc.HandlerCallDetails
    ) -> Any:
        """Let the call through, or answer UNAUTHENTICATED."""
        got = dict(details.invocation_metadata or ()).get("authorization", "")
        return continuation(details) if hmac.compare_digest(str(got), self._want) else self._refuse


def serialised(servicer: type[Any], lock: threading.RLock) -> type[Any]:
    """A subclass of Milvus Lite's servicer whose mutating calls hold ``lock``."""

    def locked(name: str) -> Callable[..., Any]:
        base = getattr(servicer, name)

        def call(self: Any, request: Any, context: Any) -> Any:
            with lock:
                return base(self, request, context)

        return call

    return type("SerialisedServicer", (servicer,), {n: locked(n) for n in MUTATING if hasattr(servicer, n)})


def open_database(data_dir: Path) -> Any:
    """Open the data directory; waits for a dying forerunner's lock.

    Raises:
        DataDirLockedError: another living server holds it.
    """
    from milvus_lite.db import MilvusLite
    from milvus_lite.exceptions import DataDirLockedError

    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return MilvusLite(str(data_dir))
        except DataDirLockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def load_all(database: Any) -> None:
    """Load every collection, as a cluster keeps them over a restart."""
    for name in database.list_databases():
        for collection in database.list_collections(database_name=name):
            try:
                database.get_collection(collection, database_name=name).load()
            except Exception as error:
                # one without an index cannot be loaded: who made it has not finished, and will load it
                print(f"not loaded: {name}/{collection}: {error}", flush=True)


def flush_all(database: Any, lock: threading.RLock) -> None:
    """Write memtables to segments, so that the log that a restart replays stays short."""
    for collection in list(database._collections.values()):
        memtable = collection._memtable
        if len(memtable._pk_index) or len(memtable._delete_index):
            with lock:
                try:
                    collection.flush()
                except Exception as error:
                    # dropped meanwhile, or the disk is full: the log still holds the rows
                    print(f"not flushed: {error}", flush=True)


def serve(
    data_dir: Path,
    host: str,
    port: int,
    *,
    token: str,
    flush_s: float,
    workers: int,
    lock: bool = True,
    fast: bool = True,
) -> None:
    """Serve until SIGTERM or SIGINT; then finish calls, flush and close.

    Args:
        lock: serialise mutating calls; tests switch it off to show what it is for.
        fast: search and write on whole columns (``deploy.stack.milvus_fast``, ``milvus_writes``), where this
            version of Milvus Lite is known.
    """
    os.environ.setdefault("MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES", str(MEMTABLE_BYTES))  # read at import
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from pymilvus.grpc_gen import milvus_pb2_grpc

    if fast and not milvus_fast.install():
        print("unknown version of Milvus Lite: its own, slower search and writes are used", flush=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    mutex = threading.RLock()
    database = open_database(data_dir)
    load_all(database)
    server = grpc.server(
        futures.ThreadPoolExecutor(workers, "grpc"),
        interceptors=[TokenCheck(token)] if token else [],
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
            # pymilvus pings idle connections every ten seconds; gRPC would hang up on the third ping
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ("grpc.http2.max_ping_strikes", 0),
        ],
    )
    servicer = serialised(MilvusServicer, mutex) if lock else MilvusServicer
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(servicer(database), server)
    try:
        server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        database.close()
        sys.exit(f"cannot listen on {host}:{port}: {error}")
    server.start()
    print(f"listening on {host}:{port}", flush=True)
    while not stop.wait(flush_s):
        flush_all(database, mutex)
    server.stop(grace=5).wait()
    database.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=19530)
    parser.add_argument("--flush-s", type=float, default=2.0)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--without-write-lock", action="store_true", help="for the test that shows its need")
    parser.add_argument("--without-fast-search", action="store_true", help="upstream's own, to compare")
    arguments = parser.parse_args()
    serve(
        arguments.data_dir,
        arguments.host,
        arguments.port,
        token=os.environ.get("MARQUEE_MILVUS_TOKEN", ""),
        flush_s=arguments.flush_s,
        workers=arguments.workers,
        lock=not arguments.without_write_lock,
        fast=not arguments.without_fast_search,
    )


if __name__ == "__main__":
    main()
