"""The small HTTP endpoint that processes offer each other, and calling whoever owns an id."""

from streaming.internal.client import InternalReply, OwnerClient, call_owner, call_url
from streaming.internal.exceptions import InternalCallError, OwnerUnavailableError
from streaming.internal.server import Handler, InternalServer, Reply, Routes

__all__ = [
    "Handler",
    "InternalCallError",
    "InternalReply",
    "InternalServer",
    "OwnerClient",
    "OwnerUnavailableError",
    "Reply",
    "Routes",
    "call_owner",
    "call_url",
]
