"""What Marquee keeps in compacted topics: types and codecs. Pure; no input or output.

Readers skip records whose key is :data:`HEARTBEAT_KEY`: they only make idle segments roll.
"""

from streaming.documents.popular import (
    BUCKETS,
    WEEK_MS,
    Counts,
    bucket_of,
    decode_counts,
    encode_counts,
    parse_popular_key,
    popular_key,
)
from streaming.documents.user import MAX_ITEMS, Ratings, decode_user, encode_user
from streaming.documents.vector import VectorDocument, decode_vector, encode_vector

HEARTBEAT_KEY = b"\x00"

__all__ = [
    "BUCKETS",
    "HEARTBEAT_KEY",
    "MAX_ITEMS",
    "WEEK_MS",
    "Counts",
    "Ratings",
    "VectorDocument",
    "bucket_of",
    "decode_counts",
    "decode_user",
    "decode_vector",
    "encode_counts",
    "encode_user",
    "encode_vector",
    "parse_popular_key",
    "popular_key",
]
