"""What stands in for a protection that is switched off; one function a protection, of the same name."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import IsolationLevel


def ledger_offsets_in_transaction(batch: Any, changes: Any, metadata: object) -> None:
    """Records first, the source offsets a little later in a transaction of their own."""
    batch._producer.commit([], None)
    time.sleep(0.2)
    batch._producer.begin()
    batch._producer.commit(batch.offsets(changes), metadata)


def ledger_metadata_of_batch(ledger: Any, metadata: object) -> object:
    """The group metadata of the time of the commit."""
    return ledger._metadata()


def catch_up_past_open_transactions() -> IsolationLevel:
    """The end of a catch-up is the last stable offset."""
    return IsolationLevel.READ_COMMITTED


def ledger_rewind_after_abort(ledger: Any, changes: Any, counts: Any) -> None:
    """An aborted batch is not read again."""


def ledger_store_caught_up(mark: int, begin: int) -> int:
    """A local store that has a mark is taken for complete."""
    return 1 << 62 if mark else begin


def space_vectors_loaded_first(self: object, left: object) -> bool:
    """Whatever has been read by now is all there is."""
    return True


def space_reconciler_of_users(self: object, kind: str) -> bool:
    """Only items are compared."""
    return kind == "items"


def space_reconciler_of_items(self: object, kind: str) -> bool:
    """Only users are compared."""
    return kind == "users"


def space_unread_removals(self: object) -> dict[int, set[str]]:
    """What was removed while nobody was there is not looked for."""
    return {}
