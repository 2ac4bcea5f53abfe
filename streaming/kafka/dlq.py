"""Dead letters: the record as it came, and why it could not be taken (DESIGN section 4, rule 5). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Header = tuple[str, bytes | None]
HeaderList = Sequence[Header]

PREFIX: Final = "dlq-"
MAX_REASON = 500


@dataclass(frozen=True)
class DeadLetter:
    """One record of ``<topic>.dlq.v1``: same key, bytes and headers, and five headers more."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]


def clean_headers(headers: HeaderList | None) -> list[Header]:
    """Headers without those of an earlier stay in a DLQ."""
    return [(name, value) for name, value in headers or () if not name.startswith(PREFIX)]


def dead_letter(
    dlq_topic: str,
    source: tuple[str, int, int],
    key: bytes | None,
    value: bytes | None,
    headers: HeaderList | None,
    reason: str,
    now_ms: int,
) -> DeadLetter:
    """The dead letter of a record.

    Args:
        dlq_topic: where it goes; it has as many partitions as the source topic.
        source: topic, partition and offset where the record lay.
        reason: one sentence; cut to 500 characters.
        now_ms: when it was refused, in ms since 1970.
    """
    topic, partition, offset = source
    added: list[Header] = [
        (f"{PREFIX}topic", topic.encode()),
        (f"{PREFIX}partition", str(partition).encode()),
        (f"{PREFIX}offset", str(offset).encode()),
        (f"{PREFIX}reason", reason[:MAX_REASON].encode(errors="replace")),
        (f"{PREFIX}time", str(now_ms).encode()),
    ]
    return DeadLetter(dlq_topic, partition, key, value, clean_headers(headers) + added)
