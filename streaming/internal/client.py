"""Calls to Marquee's own processes: by address, or to whoever owns a partition at the moment.

Owners move. A process that does not own the id answers 421, one that is loading 503; both, and a
connection that fails, mean: look the owner up anew and try again, until the deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import httpx
import msgspec

from streaming.internal.exceptions import InternalCallError, OwnerUnavailableError
from streaming.settings import Settings

Locate = Callable[[int], str | None]
"""Partition -> ``host:port`` of its owner's internal server, or None while nobody owns it."""

MISDIRECTED: Final = 421
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5


@dataclass(frozen=True)
class InternalReply:
    """What a process answered: 2xx, or 404 for something that does not exist."""

    status: int
    body: Any


class OwnerClient:
    """Keeps connections and remembers owners between calls; threads may share it."""

    def __init__(self, settings: Settings, locate: Locate) -> None:
        self._locate = locate
        self._known: dict[int, str] = {}
        self._lock = Lock()
        self._http = _http_client(settings)

    def call(
        self,
        partition: int,
        method: str,
        path: str,
        body: Any = None,
        params: dict[str, str] | None = None,
        timeout_s: float = 5.0,
    ) -> InternalReply:
        """The owner's reply; ``path`` is quoted by the caller where it holds an id.

        Raises:
            OwnerUnavailableError: if no owner answered within ``timeout_s``.
            InternalCallError: for any refusal but 404, 421 and 503.
        """
        deadline = time.monotonic() + timeout_s
        pause, why = FIRST_PAUSE_S, "nobody owns it"
        while True:
            address = self._address(partition)
            left = deadline - time.monotonic()
            if address is not None and left > 0:
                reply, why = _try(self._http, address, method, path, body, params, left)
                if reply is not None:
                    return reply
                self._forget(partition)
            if time.monotonic() + pause >= deadline:
                raise OwnerUnavailableError(f"the owner of partition {partition} does not answer: {why}")
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _address(self, partition: int) -> str | None:
        with self._lock:
            known = self._known.get(partition)
        if known is not None:
            return known
        found = self._locate(partition)
        if found is not None:
            with self._lock:
                self._known[partition] = found
        return found

    def _forget(self, partition: int) -> None:
        with self._lock:
            self._known.pop(partition, None)


def call_owner(
    settings: Settings,
    locate: Locate,
    partition: int,
    method: str,
    path: str,
    body: Any = None,
    params: dict[str, str] | None = None,
    timeout_s: float = 5.0,
) -> InternalReply:
    """One call to the owner of ``partition``, for callers that make few; see :meth:`OwnerClient.call`."""
    client = OwnerClient(settings, locate)
    try:
        return client.call(partition, method, path, body, params, timeout_s)
    finally:
        client.close()


def call_url(
    settings: Settings,
    address: str,
    method: str,
    path: str,
    body: Any = None,
    params: dict[str, str] | None = None,
    timeout_s: float = 5.0,
) -> InternalReply:
    """One call to the process at ``address``, without another try.

    Raises:
        OwnerUnavailableError: if it does not answer, answers 503, or is the wrong one (421).
        InternalCallError: for any other refusal but 404.
    """
    with _http_client(settings) as client:
        reply, why = _try(client, address, method, path, body, params, timeout_s)
    if reply is None:
        raise OwnerUnavailableError(f"{address} does not answer: {why}")
    return reply


def _http_client(settings: Settings) -> httpx.Client:
    token = settings.internal.token.get_secret_value()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    # no proxy between our own processes, whatever the environment says
    return httpx.Client(headers=headers, trust_env=False)


def _try(
    client: httpx.Client,
    address: str,
    method: str,
    path: str,
    body: Any,
    params: dict[str, str] | None,
    timeout_s: float,
) -> tuple[InternalReply | None, str]:
    """The reply, or None and why another try may succeed."""
    content = None if body is None else msgspec.json.encode(body)
    try:
        response = client.request(
            method, f"http://{address}{path}", content=content, params=params, timeout=timeout_s
        )
    except httpx.HTTPError as error:
        return None, f"{type(error).__name__}: {error}"
    if response.status_code in (MISDIRECTED, 503):
        return None, f"{address} answered {response.status_code}"
    if response.is_success or response.status_code == 404:
        return InternalReply(response.status_code, msgspec.json.decode(response.content or b"null")), ""
    raise InternalCallError(response.status_code, response.text[:500])
