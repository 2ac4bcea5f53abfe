"""Commands for people keep librdkafka silent unless told otherwise, and say at once where no Kafka is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from deploy.cli import settings as cli_settings
from deploy.cli.main import sentence
from deploy.cli.settings import load_settings, require_kafka
from deploy.stack.ports import free_ports
from streaming.exceptions import ConfigurationError, UnavailableError
from streaming.kafka.config import admin_options
from streaming.settings import load_settings as load_for_services


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path))


def test_commands_are_silent_services_are_not_and_what_is_set_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert admin_options(load_settings())["log_level"] == "0"
    assert "log_level" not in admin_options(load_for_services())
    monkeypatch.setenv("MARQUEE_KAFKA__LOG_LEVEL", "7")
    for settings in (load_settings(), load_for_services()):
        options = admin_options(settings)
        assert options["log_level"] == "7"
        AdminClient(options | {"log_level": "0"})  # librdkafka refuses names that it does not know


def test_nobody_listening_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_settings, "CONNECT_S", 0.1)
    port, other = free_ports(2)
    settings = load_settings(kafka={"bootstrap.servers": f"127.0.0.1:{port}, PLAINTEXT://127.0.0.1:{other}"})
    with pytest.raises(UnavailableError, match="marquee stack up"):
        require_kafka(settings)
    with socket.create_server(("127.0.0.1", other)):
        assert require_kafka(settings) is settings


def test_an_address_that_cannot_be_judged_is_left_to_the_client() -> None:
    for address in ("no-port", "no.such.host.invalid:9092"):
        require_kafka(load_settings(kafka={"bootstrap.servers": address}))


def test_what_does_not_answer_names_the_next_step_once() -> None:
    assert sentence(UnavailableError("Kafka is away")).count("marquee stack up") == 1
    named = "no gateway: `marquee stack up` starts it"
    assert sentence(UnavailableError(named)) == named
    assert sentence(ConfigurationError("bad")) == "bad"
