"""API keys: read once, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac

from streaming.exceptions import ConfigurationError
from streaming.settings import Settings


class ApiKeys:
    """Names and digests of the accepted keys.

    Raises:
        ConfigurationError: if authentication is on and there is no key, or the file does not hold
            one ``name:key`` a line.
    """

    def __init__(self, settings: Settings) -> None:
        self.required = settings.gateway.auth
        self._digests: dict[str, bytes] = {}
        key = settings.gateway.api_key.get_secret_value()
        if key:
            self._digests["default"] = _digest(key)
        path = settings.gateway.api_keys_file
        if path is not None:
            try:
                lines = path.read_text().splitlines()
            except OSError as error:
                raise ConfigurationError(f"gateway.api_keys_file cannot be read: {error}") from None
            for number, line in enumerate(lines, 1):
                if not line.strip() or line.startswith("#"):
                    continue
                name, colon, value = (part.strip() for part in line.partition(":"))
                if not (name and colon and value):
                    raise ConfigurationError(f"{path}, line {number}: expected `name:key`")
                self._digests[name] = _digest(value)
        if self.required and not self._digests:
            raise ConfigurationError(
                "gateway.auth is on and there is no key: set MARQUEE_GATEWAY__API_KEY or "
                "MARQUEE_GATEWAY__API_KEYS_FILE"
            )

    def name_of(self, presented: str) -> str | None:
        """The name of the key, or None. Takes the same time whichever key it is, and for none of them."""
        digest = _digest(presented)
        found = None
        for name, accepted in self._digests.items():
            if hmac.compare_digest(digest, accepted):
                found = name
        return found


def presented_key(headers: dict[bytes, bytes]) -> str:
    """The key in ``X-API-Key`` or ``Authorization: Bearer``; empty where there is none."""
    key = headers.get(b"x-api-key", b"")
    if not key:
        scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer":
            key = value.strip()
    return key.decode("latin-1")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
