"""Few partitions here, too."""

from __future__ import annotations

from tests.integration.ledger.conftest import settings

__all__ = ["settings"]
