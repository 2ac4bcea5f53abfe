"""What stands in for a protection that is switched off; one function a protection, of the same name."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import IsolationLevel

ORIGINALS: dict[str, Callable[..., Any]] = {}
"""Name of a protection -> what its mutant stands in for."""


def ledger_offsets_in_transaction(batch: Any, changes: Any, metadata: object) -> None:
    """Records first, the source offsets a little later in a transaction of their own."""
    batch._producer.commit([], None)
    # a kill must fall in between, also where a batch takes long
    time.sleep(1.0)
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


def kafka_assigns_anew(consumer: Any, place: Any) -> None:
    """A partition that librdkafka has given up is only asked again to seek."""
    consumer.seek(place)


space_assigns_anew = kafka_assigns_anew
"""The same function of the product, which a projector calls, too."""


def ledger_store_caught_up(mark: int, begin: int) -> int:
    """A local store that has a mark is taken for complete."""
    return 1 << 62 if mark else begin


def space_vectors_loaded_first(self: object, left: object) -> bool:
    """Whatever has been read by now is all there is."""
    return True


def space_reconciler_of_users(self: Any, kind: str) -> bool:
    """Users are compared until a worker that has just started has found them right, then never again."""
    return kind != "users" or not _once_right(self, "users")


def space_reconciler_of_items(self: Any, kind: str) -> bool:
    """As above, of items."""
    return kind != "items" or not _once_right(self, "items")


def _once_right(reconciler: Any, kind: str) -> bool:
    # whole without it, collections would never be filled: the test would fail before its fault
    if reconciler.last_clean_ms(kind) is not None:
        reconciler.was_right = True
    return getattr(reconciler, "was_right", False)


def space_unread_removals(self: object) -> dict[int, set[str]]:
    """What was removed while nobody was there is not looked for."""
    return {}


def space_late_removals(self: object, *taken: int) -> None:
    """However old what is read is, nothing is made of it."""


def space_gives_way(courtesy: object, busy: bool, now: float) -> bool:
    """Every request goes at once."""
    return True


def milvus_write_lock(server: Any) -> Sequence[str]:
    """Upstream's own servicer."""
    command: Sequence[str] = ORIGINALS["milvus_write_lock"](server)
    return [*command, "--without-write-lock"]
