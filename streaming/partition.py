"""Where a record lies: the partition of an id, the same in every client language.

``partition = (murmur2(utf-8 id) & 0x7fffffff) % N``: what Kafka's Java clients and librdkafka's
``murmur2`` partitioner compute for a keyed record.
"""

from __future__ import annotations

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """MurmurHash2 with Kafka's seed (0x9747b28c), as an unsigned 32-bit integer."""
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    aligned = length & ~3
    for i in range(0, aligned, 4):
        k = (int.from_bytes(data[i : i + 4], "little") * _M) & _MASK
        k ^= k >> 24
        h = ((h * _M) & _MASK) ^ ((k * _M) & _MASK)
    tail = data[aligned:]
    if tail:
        h = ((h ^ int.from_bytes(tail, "little")) * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)


def partition_of(record_id: str, partitions: int) -> int:
    """The partition, in ``range(partitions)``, on which everything about ``record_id`` lies."""
    return (murmur2(record_id.encode()) & 0x7FFFFFFF) % partitions
