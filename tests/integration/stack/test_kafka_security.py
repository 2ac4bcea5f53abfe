"""Marquee's own clients reach a SASL_SSL listener through ``MARQUEE_KAFKA__`` settings alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.stack.kafka import KafkaBroker, Secured, make_secured
from deploy.stack.ports import free_ports
from streaming.control.reader import read_control
from streaming.settings import Settings, load_settings
from streaming.topics import fixed_topics
from streaming.topics.admin import check, ensure
from tests.integration.conftest import Spawn
from tests.integration.services import running
from tests.support import until


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    directory = tmp_path_factory.mktemp("secured")
    port, controller, tls = free_ports(3)
    made = make_secured(directory / "tls", tls)
    broker = KafkaBroker(directory / "kafka", port, controller, secured=made)
    with running(broker):
        yield made


@pytest.fixture
def tls_settings(secured: Secured, bare_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Read from the environment, as a process in a cluster would read them."""
    for name, value in secured.client_options().items():
        monkeypatch.setenv(f"MARQUEE_KAFKA__{name.upper().replace('.', '_')}", value)
    loaded = load_settings(
        **{n: getattr(bare_settings, n) for n in ("namespace", "home", "session", "internal")}
    )
    assert loaded.kafka == secured.client_options()
    return loaded


def test_topics_and_control_over_sasl_ssl(tls_settings: Settings) -> None:
    ensure(tls_settings, fixed_topics(tls_settings))
    assert check(tls_settings, fixed_topics(tls_settings)) == []
    assert read_control(tls_settings).revision == 0


def test_a_ledger_runs_over_sasl_ssl(tls_settings: Settings, spawn: Spawn) -> None:
    from streaming.control.presence import read_presence

    ensure(tls_settings, fixed_topics(tls_settings))
    ledger = spawn("ledger", tls_settings)
    until(
        lambda: any(beat.pid == ledger.pid for beat in read_presence(tls_settings).values()),
        30,
        what="the ledger's heartbeat",
    )
    assert ledger.terminate() == 0


@pytest.mark.parametrize("change", [{"sasl.password": "wrong"}, {"security.protocol": "PLAINTEXT"}])
def test_without_the_right_options_nobody_gets_in(secured: Secured, change: dict[str, str]) -> None:
    options = secured.client_options() | change
    if "sasl.password" not in change:
        options = {"bootstrap.servers": options["bootstrap.servers"]}
    with pytest.raises(KafkaException):
        AdminClient(options | {"log_level": "0"}).list_topics(timeout=4)
