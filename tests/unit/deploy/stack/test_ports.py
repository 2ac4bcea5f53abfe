"""Ports for tests and local stacks: free, not handed out again at once, apart from the neighbours'."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from deploy.stack.exceptions import PortTakenError
from deploy.stack.ports import LOOPBACK, ROOMS, TEST_PORTS, free_ports, is_free, require_free


def test_what_was_given_is_not_given_again_at_once() -> None:
    given = [port for _ in range(20) for port in free_ports(4)]
    assert len(set(given)) == len(given)
    assert set(given) <= set(TEST_PORTS)


def test_a_neighbour_chooses_elsewhere() -> None:
    code = "import os; from deploy.stack.ports import free_ports; print(os.getpid(), *free_ports(9))"
    pid, *theirs = map(int, subprocess.check_output([sys.executable, "-c", code], text=True).split())
    rooms = {(port - TEST_PORTS.start) % ROOMS for port in theirs}
    assert rooms == {pid % ROOMS}


def test_a_port_in_use_is_seen_and_its_holder_named() -> None:
    (port,) = free_ports(1)
    with socket.socket() as taken:
        taken.bind((LOOPBACK, port))
        taken.listen()
        assert not is_free(port)
        with pytest.raises(PortTakenError, match=rf"{port}: .*pid"):
            require_free([port])
    assert is_free(port)
