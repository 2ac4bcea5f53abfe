"""Who is kept out by an erasure that the log may no longer show: ``erased.v1``, read by code of its own."""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from deploy.checks.reading import TopicReader
from streaming.settings import Settings
from streaming.topics import TopicNames

_decode = msgspec.msgpack.Decoder(tuple[int, str, int]).decode


class Barriers:
    """Cut-offs of erased users of one partition; empty without the erasure key."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self._key = settings.erasure.key.get_secret_value().encode()
        self._cutoffs: dict[str, int] = {}
        with TopicReader(settings, TopicNames(settings.namespace).erased, [partition]) as reader:
            for record in reader.read_on():
                key = (record.key or b"").decode(errors="replace")
                if record.value is None:
                    self._cutoffs.pop(key, None)
                else:
                    self._cutoffs[key] = _decode(record.value)[2]

    def of(self, user_id: str) -> int:
        """Event times up to this, in ms, do not count for the user; -1 where nothing is held off."""
        if not self._key or not self._cutoffs:
            return -1
        digest = hmac.new(self._key, user_id.encode(), hashlib.sha256).hexdigest()
        return self._cutoffs.get(digest, -1)
