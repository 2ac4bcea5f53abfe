"""The settings as commands for people use them: librdkafka silent, and a quick word where no Kafka is."""

from __future__ import annotations

import socket
import time
from typing import Any

from streaming import settings as streaming_settings
from streaming.exceptions import UnavailableError
from streaming.settings import Settings

QUIET = {"log_level": "0"}
"""What goes wrong reaches commands as exceptions; librdkafka writes lines besides, by hundreds."""
CONNECT_S = 3.0
"""How long connections may be refused: a broker that is just starting is waited for."""


def load_settings(**overrides: Any) -> Settings:
    """The settings in force, ``MARQUEE_KAFKA__LOG_LEVEL`` 0 unless it is set.

    Raises:
        ConfigurationError: naming each setting that does not hold.
    """
    loaded = streaming_settings.load_settings(**overrides)
    return loaded.model_copy(update={"kafka": QUIET | loaded.kafka})


def require_kafka(settings: Settings) -> Settings:
    """``settings``, once somebody listens where Kafka is to be; anything but a refusal is left to its client.

    Raises:
        UnavailableError: every broker refused connections for three seconds.
    """
    servers = settings.kafka["bootstrap.servers"]
    until = time.monotonic() + CONNECT_S
    while all(_refused(server) for server in servers.split(",")):
        if time.monotonic() > until:
            raise UnavailableError(
                f"no Kafka at {servers}: `marquee stack status` says what runs, `marquee stack up` starts it"
            )
        time.sleep(0.2)
    return settings


def _refused(server: str) -> bool:
    host, _, port = server.rpartition("//")[2].strip().rpartition(":")
    if not host or not port.isdecimal():
        return False
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except ConnectionRefusedError:
        return True
    except (OSError, OverflowError):
        return False
    return False
