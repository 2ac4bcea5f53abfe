"""64 bits that say which inputs a row was computed from. Pure.

A user's digest is a sum, modulo 2**64, over his rated items of a mix of (item, weight class, revision of
the item's vector or none), on top of a seed for policy and dimension: the same whatever the order of the
items and the composition of the batch, so that a reconciler can tell by it alone whether a row is right.
"""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import numpy.typing as npt

from streaming.control.documents import Policy
from streaming.documents import VectorDocument

UInt64s = npt.NDArray[np.uint64]

_CLASS = np.uint64(0x9E3779B97F4A7C15)
_REVISION = np.uint64(0xD1B54A32D192ED03)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def _short_hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def seed(policy: Policy, dim: int) -> int:
    """What a user without ratings has as digest, before the sign: it changes with the policy."""
    fields = msgspec.to_builtins(policy)
    if not policy.half_life_days:
        # as before there were half-lives, or every row of every space would be written anew
        del fields["half_life_days"]
    return _short_hash(msgspec.json.encode((fields, dim)))


def mix(hashes: UInt64s, classes: npt.NDArray[np.uint8], revisions: npt.NDArray[np.int64]) -> UInt64s:
    """One uint64 for each (item hash, class, vector revision; -1 where there is no vector); shapes (n,)."""
    # wrapping around is what is wanted; the finaliser is splitmix64's
    x: UInt64s = hashes + classes.astype(np.uint64) * _CLASS + (revisions + 2).astype(np.uint64) * _REVISION
    x ^= x >> np.uint64(30)
    x *= _M1
    x ^= x >> np.uint64(27)
    x *= _M2
    x ^= x >> np.uint64(31)
    return x


def user_digests(mixed: UInt64s, bounds: npt.NDArray[np.int64], start: int) -> npt.NDArray[np.int64]:
    """Digests, int64 (users,); the items of user i lie at ``bounds[i]:bounds[i + 1]`` of ``mixed``."""
    sums = np.zeros(len(mixed) + 1, dtype=np.uint64)
    np.cumsum(mixed, out=sums[1:])
    total: UInt64s = sums[bounds[1:]] - sums[bounds[:-1]] + np.uint64(start)
    return total.view(np.int64)


def item_digest(document: VectorDocument) -> int:
    """Signed 64 bits over vector and metadata of an item."""
    meta = msgspec.msgpack.encode((document.title, document.year, document.genres, document.poster))
    unsigned = _short_hash(document.vector + meta)
    return unsigned - 2**64 if unsigned >= 2**63 else unsigned
