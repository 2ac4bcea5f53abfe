"""The HTTP client of all health checks: to make one for each would read certificates every two seconds."""

from __future__ import annotations

import httpx

HEALTH_TIMEOUT_S = 3.0

# no connection is kept: whoever is asked may have been started anew
http = httpx.Client(
    timeout=HEALTH_TIMEOUT_S, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
)
