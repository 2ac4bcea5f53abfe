"""TorchServe's management door: versions in, scaled, described, drained and out (DESIGN section 6)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from streaming.encoder.client import ITEM_ENCODER, EncoderClient
from streaming.encoder.exceptions import EncoderUnavailableError, ModelNotFoundError
from streaming.exceptions import ConfigurationError
from streaming.settings import Settings

DRAIN_POLL_S = 0.1


class EncoderManagement:
    """Registers and removes versions of one model. Every call is idempotent."""

    def __init__(self, settings: Settings, model: str = ITEM_ENCODER) -> None:
        self._settings = settings
        self._model = model
        timeout = httpx.Timeout(
            settings.torchserve.timeout_s, connect=min(5.0, settings.torchserve.timeout_s)
        )
        self._http = httpx.Client(
            base_url=settings.torchserve.management_url, timeout=timeout, trust_env=False
        )

    def close(self) -> None:
        """Gives the connections back."""
        self._http.close()

    def _call(self, method: str, path: str, params: dict[str, str] | None = None) -> httpx.Response:
        try:
            return self._http.request(method, path, params=params)
        except httpx.HTTPError as error:
            raise EncoderUnavailableError(f"TorchServe's management does not answer: {error!r}") from None

    def describe(self, version: str) -> dict[str, Any] | None:
        """What TorchServe says of ``version``, or ``None`` if it does not know it.

        Raises:
            EncoderUnavailableError: if TorchServe is away.
        """
        answer = self._call("GET", f"/models/{self._model}/{version}")
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise EncoderUnavailableError(f"TorchServe answers {answer.status_code}: {answer.text[:300]}")
        described: list[dict[str, Any]] = answer.json()
        return described[0] if described else None

    def versions(self) -> list[str]:
        """Every registered version.

        Raises:
            EncoderUnavailableError: if TorchServe is away.
        """
        answer = self._call("GET", f"/models/{self._model}/all")
        if answer.status_code == 404:
            return []
        if answer.status_code != 200:
            raise EncoderUnavailableError(f"TorchServe answers {answer.status_code}: {answer.text[:300]}")
        return [str(one["modelVersion"]) for one in answer.json()]

    def register(
        self,
        version: str,
        archive: Path,
        workers: int = 1,
        wait_s: float = 180.0,
        *,
        batch: int = 1,
        delay_ms: int = 0,
    ) -> None:
        """Makes ``version`` of the archive ready: registered, ``workers`` up, one real film encoded.

        A version that is there already is not registered again, and keeps the workers that somebody gave
        it beyond ``workers``.

        Args:
            batch: requests that a worker is handed at once, at most.
            delay_ms: how long the first of them waits for others.

        Raises:
            ConfigurationError: if TorchServe refuses the archive.
            EncoderUnavailableError: if it is away, or the version is not ready within ``wait_s``.
        """
        described = self.describe(version)
        if described is None:
            answer = self._call(
                "POST",
                "/models",
                {
                    "url": archive.absolute().as_uri(),
                    "model_name": self._model,
                    "batch_size": str(batch),
                    "max_batch_delay": str(delay_ms),
                    "initial_workers": "0",
                },
            )
            # 409: somebody else registered it meanwhile, which is what was wanted
            if answer.status_code not in (200, 202, 409):
                raise ConfigurationError(f"TorchServe refuses {archive.name}: {answer.text[:300]}")
        if described is None or int(described.get("minWorkers", 0)) < workers:
            self.scale(version, workers)
        self.wait_ready(version, wait_s)

    def scale(self, version: str, workers: int) -> None:
        """Sets the number of workers of ``version``; does not wait for them.

        Raises:
            ModelNotFoundError: if it is not registered.
            EncoderUnavailableError: if TorchServe is away or will not.
        """
        answer = self._call(
            "PUT",
            f"/models/{self._model}/{version}",
            {"min_worker": str(workers), "max_worker": str(workers)},
        )
        if answer.status_code == 404:
            raise ModelNotFoundError(f"TorchServe does not know {self._model}@{version}")
        if answer.status_code not in (200, 202):
            raise EncoderUnavailableError(f"TorchServe answers {answer.status_code}: {answer.text[:300]}")

    def wait_ready(self, version: str, wait_s: float = 180.0) -> None:
        """Waits until ``version`` encodes a film.

        Raises:
            EncoderUnavailableError: if it does not within ``wait_s``.
        """
        deadline = time.monotonic() + wait_s
        with EncoderClient(self._settings, version, self._model) as client:
            while True:
                described = self.describe(version) or {}
                workers = described.get("workers", [])
                if any(worker.get("status") == "READY" for worker in workers) and client.ready():
                    return
                if time.monotonic() > deadline:
                    states = [worker.get("status") for worker in workers]
                    raise EncoderUnavailableError(
                        f"{self._model}@{version} is not ready after {wait_s:.0f} s; workers: {states}"
                    )
                time.sleep(0.2)

    def unregister(self, version: str, drain_s: float = 30.0) -> None:
        """Removes ``version`` once nothing waits for it; nothing happens if it is not there.

        TorchServe loses what is in flight when a version is deleted, so callers route away first; this
        waits for the rest. The last version may go too: the default is moved to another if there is one.

        Raises:
            EncoderUnavailableError: if TorchServe is away, or work keeps coming for ``drain_s``.
        """
        described = self.describe(version)
        if described is None:
            return
        self._drain(version, drain_s)
        others = [one for one in self.versions() if one != version]
        if others:
            # deleting the default is refused (403)
            self._call("PUT", f"/models/{self._model}/{others[-1]}/set-default")
        answer = self._call("DELETE", f"/models/{self._model}/{version}")
        if answer.status_code not in (200, 202, 404):
            raise EncoderUnavailableError(f"TorchServe answers {answer.status_code}: {answer.text[:300]}")

    def _drain(self, version: str, drain_s: float) -> None:
        deadline = time.monotonic() + drain_s
        quiet = 0
        while quiet < 2:
            described = self.describe(version) or {}
            status = described.get("jobQueueStatus", {})
            pending = int(status.get("pendingRequests", 0))
            quiet = quiet + 1 if pending == 0 else 0
            if time.monotonic() > deadline:
                raise EncoderUnavailableError(f"{self._model}@{version} still has {pending} requests waiting")
            time.sleep(DRAIN_POLL_S + float(described.get("maxBatchDelay", 0)) / 1000)


def register_version(
    settings: Settings,
    archive: Path,
    model: str,
    version: str,
    workers: int = 1,
    wait_s: float = 180.0,
    *,
    batch: int = 1,
    delay_ms: int = 0,
) -> None:
    """Makes ``version`` of ``model`` ready in TorchServe; see :meth:`EncoderManagement.register`."""
    management = EncoderManagement(settings, model)
    try:
        management.register(version, archive, workers, wait_s, batch=batch, delay_ms=delay_ms)
    finally:
        management.close()


def unregister_version(settings: Settings, model: str, version: str, drain_s: float = 30.0) -> None:
    """Removes ``version`` of ``model`` from TorchServe; see :meth:`EncoderManagement.unregister`."""
    management = EncoderManagement(settings, model)
    try:
        management.unregister(version, drain_s)
    finally:
        management.close()
