"""Gives TorchServe the model version of every live space: after its start, and when a space appears.

Packages are built, pulled and looked up in a child (``python -m deploy.stack.registrar PACKAGE VERSION``),
so that the supervisor stays a small process without torch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.stack.exceptions import UnhealthyError
from deploy.stack.layout import Layout
from deploy.stack.process import SERVICE, STACK_ID
from handlers.tuning import serving_of
from streaming.control.documents import SpaceDocument
from streaming.encoder import EncoderManagement
from streaming.exceptions import MarqueeError
from streaming.observability.logging import get_logger
from streaming.settings import Settings, load_settings

BUILD_TIMEOUT_S = 900.0
RETRY_S = 15.0

Version = tuple[str, str]
"""Package and version."""

log = get_logger(__name__)


class Registrar:
    """Registers what this life of TorchServe does not have; one that fails does not hold up the others."""

    def __init__(
        self, layout: Layout, settings: Settings, live: Callable[[], Mapping[str, SpaceDocument]]
    ) -> None:
        self._layout, self._settings, self._live = layout, settings, live
        self._given: set[Version] = set()
        self._failed: dict[Version, tuple[str, float]] = {}

    def forget(self) -> None:
        """TorchServe was started anew and holds nothing."""
        self._given.clear()
        self._failed.clear()

    def give(self) -> None:
        """Register what is missing; each has encoded a real film then. Failures are tried again later."""
        for version in sorted({(s.package, s.version) for s in self._live().values()}):
            _, retry_at = self._failed.get(version, ("", 0.0))
            if version in self._given or time.monotonic() < retry_at:
                continue
            try:
                self._register(*version)
                self._given.add(version)
                self._failed.pop(version, None)
            except MarqueeError as error:
                self._failed[version] = (str(error), time.monotonic() + RETRY_S)
                log.warning("not registered with TorchServe", version="@".join(version), error=str(error))

    def check(self, space: str) -> None:
        """What a space's health hangs on besides its worker.

        Raises:
            UnhealthyError: its model version is not (yet) with TorchServe, and why.
        """
        document = self._live().get(space)
        if document is None or (document.package, document.version) in self._given:
            return
        version = (document.package, document.version)
        reason, _ = self._failed.get(version, ("being built and registered", 0.0))
        raise UnhealthyError(f"TorchServe has no {'@'.join(version)}: {reason}")

    def _register(self, package: str, version: str) -> None:
        management = EncoderManagement(self._settings, package)
        try:
            if management.describe(version) is None:
                archive = self._archive(package, version)
                tuned = serving_of(archive.parent)
                management.register(
                    version, archive, tuned.workers, batch=tuned.batch, delay_ms=tuned.delay_ms
                )
                log.info("registered with TorchServe", package=package, version=version)
            else:
                management.wait_ready(version)
        finally:
            management.close()

    def _archive(self, package: str, version: str) -> Path:
        ids = {STACK_ID: self._layout.stack_id, SERVICE: "registrar", "MARQUEE_HOME": str(self._layout.home)}
        run = subprocess.run(
            [sys.executable, "-m", "deploy.stack.registrar", package, version],
            env={**os.environ, **ids},
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
        if run.returncode:
            raise UnhealthyError(f"{package}@{version} cannot be built: {_last_line(run.stderr)}")
        return Path(run.stdout.strip().splitlines()[-1])


def _last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "no reason given")[-500:]


def main() -> None:
    """Print where the package's archive lies; pull or build it only where it is not, refuse what is not
    trusted: what is served never changes, and nothing is handed over before its signature was checked.
    """
    from deploy.packages import obtain, package_errors

    try:
        with package_errors():
            print(obtain("@".join(sys.argv[1:]), load_settings()).archive)
    except MarqueeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
