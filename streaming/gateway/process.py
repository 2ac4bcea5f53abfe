"""``marquee run gateway``: the HTTP door as a process."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

import uvicorn

from streaming.control.presence import Presence
from streaming.exceptions import ConfigurationError
from streaming.gateway.app import create_app
from streaming.gateway.rerank_files import Vouch
from streaming.gateway.state import GatewayState
from streaming.observability.logging import configure_logging, get_logger
from streaming.settings import Settings
from streaming.topics import fixed_topics
from streaming.topics.admin import require

ENDS = (signal.SIGTERM, signal.SIGINT)
IN_FLIGHT_S = 1
"""How long requests in flight may take to end after SIGTERM."""

_log = get_logger("gateway.process")


def run_gateway(settings: Settings, instance: str, vouch: Vouch) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is in flight, flush, and return within 3 s.

    Args:
        vouch: checks the signature of a package that a re-ranker is read from.

    Raises:
        TopicDifferenceError: if the topics are not what the table says.
        UnavailableError: if Kafka does not answer at the start.
        ConfigurationError: if there is no API key though one is asked for, or the port is taken.
    """
    configure_logging(settings, f"gateway-{instance}")
    for number in ENDS:
        signal.signal(number, lambda *_: sys.exit(0))
    require(settings, fixed_topics(settings))
    state = GatewayState(settings, instance, vouch)
    try:
        app = create_app(state)
        listening = listen(settings)
        state.start()
        host, port = listening.getsockname()[:2]
        presence = Presence(settings, "gateway", instance, f"{host}:{port}", lambda: state.revision)
        presence.start()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=IN_FLIGHT_S,
            timeout_keep_alive=30,
        )
        server = uvicorn.Server(config)

        def end(*_: object) -> None:
            server.should_exit = True

        # for a signal before uvicorn installs its own handlers, and for the same signal when uvicorn
        # raises it again after it has shut down: that end is a clean one
        for number in ENDS:
            signal.signal(number, end)
        _log.info("listening", host=host, port=port)
        asyncio.run(server.serve(sockets=[listening]))
        presence.stop()
    finally:
        state.stop()
    _log.info("stopped")


def listen(settings: Settings) -> socket.socket:
    """The socket of ``settings.gateway``. Raises ConfigurationError where it cannot be had."""
    host, port = settings.gateway.host, settings.gateway.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where it is told that this is TCP: 40 ms an answer
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(f"the gateway cannot listen on {host}:{port}: {error}") from None
    listening.listen(1024)
    listening.setblocking(False)
    return listening
