"""Starts Milvus Lite behind our launcher (``deploy.stack.milvus_server``)."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc

from deploy.stack.exceptions import UnhealthyError
from deploy.stack.ports import LOOPBACK
from deploy.stack.process import ManagedProcess

HEALTH_TIMEOUT_S = 3.0
LIST_COLLECTIONS = "/milvus.proto.milvus.MilvusService/ShowCollections"


class MilvusServer(ManagedProcess):
    """One server over ``<directory>/data``.

    Args:
        token: clients must send it; ``user:password`` in form.
        write_lock: switched off only by the test that shows its need.
    """

    stop_timeout_s = 20.0

    def __init__(
        self,
        directory: Path,
        port: int,
        token: str,
        *,
        flush_s: float = 2.0,
        write_lock: bool = True,
        name: str = "milvus",
        log_dir: Path | None = None,
        stack_id: str = "",
    ) -> None:
        super().__init__(name, directory, log_dir=log_dir, stack_id=stack_id)
        self.port, self.token = port, token
        self._flush_s, self._write_lock = flush_s, write_lock

    @property
    def uri(self) -> str:
        """For clients."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.directory / "data"

    def command(self) -> Sequence[str]:
        """Our launcher, in this virtual environment."""
        flags = [] if self._write_lock else ["--without-write-lock"]
        arguments = ["--data-dir", str(self.data), "--port", str(self.port), "--flush-s", str(self._flush_s)]
        return [sys.executable, "-m", "deploy.stack.milvus_server", *arguments, *flags]

    def environment(self) -> Mapping[str, str]:
        """The token; and no thread pool larger than a small machine bears."""
        return {"MARQUEE_MILVUS_TOKEN": self.token, "OMP_NUM_THREADS": "2"}

    def health(self) -> str:
        """List the collections, with the token."""
        super().health()
        authorization = base64.b64encode(self.token.encode()).decode()
        with grpc.insecure_channel(f"{LOOPBACK}:{self.port}") as channel:
            # an empty message; bytes in and out, since pymilvus' own stubs cost 1.5 s and 100 MB to import
            list_collections = channel.unary_unary(LIST_COLLECTIONS)
            try:
                list_collections(b"", timeout=HEALTH_TIMEOUT_S, metadata=(("authorization", authorization),))
            except grpc.RpcError as error:
                raise UnhealthyError(f"Milvus does not list its collections: {error.code()}") from None
        return "collections listed"
