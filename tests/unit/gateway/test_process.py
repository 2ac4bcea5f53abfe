"""The listening socket: answers leave at once, and a port that is taken is named."""

from __future__ import annotations

import asyncio
import socket

import pytest

from streaming.exceptions import ConfigurationError
from streaming.gateway.process import listen
from streaming.settings import GatewaySettings, Settings


def _settings(port: int) -> Settings:
    return Settings(gateway=GatewaySettings(port=port))


def test_answers_do_not_wait_for_delayed_acknowledgements() -> None:
    async def accepted() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def on_connect(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = writer.get_extra_info("socket")
            found.set_result(there.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = listen(_settings(0))
        server = await asyncio.start_server(on_connect, sock=listening)
        _, writer = await asyncio.open_connection(*listening.getsockname())
        value = await found
        writer.close()
        server.close()
        return value

    assert asyncio.run(accepted()) != 0


def test_a_taken_port_is_named() -> None:
    with listen(_settings(0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigurationError, match=str(port)):
            listen(_settings(port))
