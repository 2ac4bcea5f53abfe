"""Files, ports and secrets of a stack, and the settings that lead to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.stack.layout import PORTS, layout_of, load_secrets, read_json, stack_settings, write_private
from deploy.stack.services import SERVICES, STOP_ORDER, choose, group_of
from streaming.exceptions import ConfigurationError
from streaming.settings import load_settings


def test_ports_are_side_by_side_and_belong_to_one_service(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, 9700)
    ports = [port for service in SERVICES for port in layout.ports(service).values()]
    assert sorted(ports) == list(range(9700, 9700 + len(PORTS)))


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    first, new = load_secrets(layout)
    assert new
    assert load_secrets(layout) == (first, False)
    assert layout.secrets_file.stat().st_mode & 0o077 == 0
    assert len({first.api_key, first.internal_token, first.milvus_token, first.erasure_key}) == 4


def test_every_process_of_the_home_reads_the_stacks_settings(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, 9700)
    keys, _ = load_secrets(layout)
    write_private(layout.settings_file, stack_settings(layout, keys, "other"))
    settings = load_settings(home=tmp_path)
    assert settings.namespace == "other"
    assert settings.kafka == {"bootstrap.servers": "127.0.0.1:9701"}
    assert settings.gateway.api_key.get_secret_value() == keys.api_key
    assert settings.gateway.url == "http://127.0.0.1:9700"
    assert settings.erasure.key.get_secret_value() == keys.erasure_key


def test_the_environment_goes_before_the_stack_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = layout_of(tmp_path)
    write_private(layout.settings_file, stack_settings(layout, load_secrets(layout)[0], "marquee"))
    monkeypatch.setenv("MARQUEE_KAFKA__BOOTSTRAP_SERVERS", "cluster:9092")
    monkeypatch.setenv("MARQUEE_MILVUS__URI", "https://cluster:19530")
    settings = load_settings(home=tmp_path)
    assert settings.kafka == {"bootstrap.servers": "cluster:9092"}
    assert settings.milvus.uri == "https://cluster:19530"
    assert settings.milvus.token.get_secret_value() != "", "the rest of the section stays"


def test_half_a_document_is_no_document(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"services": [')
    assert read_json(tmp_path / "state.json") is None


def test_choose_names_what_there_is() -> None:
    assert choose(()) == list(SERVICES)
    assert choose(("milvus", "kafka")) == ["kafka", "milvus"]
    with pytest.raises(ConfigurationError, match="there are kafka"):
        choose(("zookeeper",))


def test_everything_is_stopped_once() -> None:
    assert sorted(name for stage in STOP_ORDER for name in stage) == sorted(SERVICES)
    assert group_of("space-item-encoder-1-mean-abcdef") == "spaces"


def test_without_a_stack_the_gateway_is_looked_for_where_a_stack_has_it(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    found = load_settings(home=tmp_path).gateway
    assert found.port == layout.port("gateway")
    assert found.url == stack_settings(layout, load_secrets(layout)[0], "any")["gateway"]["url"]
