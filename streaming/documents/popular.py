"""Like counts by week: keys and values of ``popular.v1`` (DESIGN sections 3 and 8)."""

from __future__ import annotations

import zlib

import msgspec

BUCKETS = 256
WEEK_MS = 7 * 86_400_000
SEPARATOR = "\x1f"

Counts = dict[str, list[tuple[int, int]]]
"""item id -> [(week of event time since 1970, likes > 0)], weeks ascending."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Counts)


def bucket_of(item_id: str) -> int:
    """The bucket, in ``range(256)``, that holds an item's counts."""
    return zlib.crc32(item_id.encode()) % BUCKETS


def popular_key(threshold: float, partition: int, bucket: int) -> str:
    """``threshold 0x1F partition 0x1F bucket``; the threshold as Python's shortest repr of a float."""
    return f"{float(threshold)!r}{SEPARATOR}{partition}{SEPARATOR}{bucket}"


def parse_popular_key(key: str) -> tuple[float, int, int]:
    """(like threshold, partition of ``ratings.v1``, bucket). Raises ValueError on anything else."""
    threshold, partition, bucket = key.split(SEPARATOR)
    return float(threshold), int(partition), int(bucket)


def encode_counts(counts: Counts) -> bytes:
    """MessagePack of the counts of one bucket."""
    return _encoder.encode(counts)


def decode_counts(value: bytes) -> Counts:
    """Raises msgspec.DecodeError if the bytes are no counts."""
    return _decoder.decode(value)
