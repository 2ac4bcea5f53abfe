"""The HTTP client of all health checks: to make one for each would read certificates every two seconds."""

from __future__ import annotations

from functools import cache

import httpx

HEALTH_TIMEOUT_S = 3.0


@cache
def http() -> httpx.Client:
    """Made when the first is asked; no connection is kept: whoever is asked may have been started anew."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=HEALTH_TIMEOUT_S, trust_env=False, limits=limits)
