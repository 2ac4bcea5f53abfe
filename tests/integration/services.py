"""A real service for as long as a fixture lasts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol


class Service(Protocol):
    """What runs beside the tests: one process or several."""

    def start(self) -> None: ...

    def wait_healthy(self) -> object: ...

    def stop(self) -> object: ...


@contextlib.contextmanager
def running(service: Service) -> Iterator[None]:
    """Started and healthy, stopped afterwards whatever happens."""
    service.start()
    try:
        service.wait_healthy()
        yield
    finally:
        service.stop()
