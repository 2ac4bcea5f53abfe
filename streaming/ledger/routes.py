"""What a ledger answers on its internal endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streaming.documents import decode_user
from streaming.ids import id_problem
from streaming.internal.server import Handler, Reply
from streaming.ledger.exceptions import StoreError
from streaming.ledger.owned import OwnedPartition, Phase
from streaming.partition import partition_of

Partitions = Callable[[], Mapping[int, OwnedPartition]]


def user_route(partitions: Partitions, count: int) -> Handler:
    """``GET /users/{id}``: the committed ratings of a user whose partition this ledger owns."""

    def answer(user: str, _query: dict[str, str], _body: bytes) -> Reply:
        if problem := id_problem(user):
            return 400, {"error": f"user id {problem}"}
        number = partition_of(user, count)
        owned = partitions().get(number)
        if owned is None:
            return 421, {"error": "another ledger owns this user", "partition": number}
        if owned.phase is not Phase.READY:
            reason = owned.reason or "the partition is being taken over"
            return 503, {"error": reason, "partition": number}
        # the mark first: the document is then at least as new
        mark = owned.mark
        try:
            document = owned.peek(user)
        except StoreError as error:
            return 503, {"error": str(error), "partition": number}
        if document is None:
            return 404, {"error": "no such user", "partition": number}
        ratings = {item: [value, ms] for item, (value, ms) in decode_user(document).items()}
        return 200, {"ratings": ratings, "offset": max(0, mark - 1), "partition": number}

    return answer


def status_of(owned: OwnedPartition, lag: int, lag_of_retention: float) -> dict[str, Any]:
    """One partition as ``GET /status`` shows it."""
    return {
        "phase": owned.phase.value,
        "reason": owned.reason,
        "position": owned.position,
        "mark": owned.mark,
        "lag": lag,
        "lag_of_retention": lag_of_retention,
        "store_error": owned.store_error,
        "pending_documents": len(owned.pending),
    }
