"""Keys, rates, paths, limits: what is decided before a route sees a request."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from streaming.exceptions import ConfigurationError
from streaming.gateway.acknowledged import AcknowledgedMemory
from streaming.gateway.auth import ApiKeys, presented_key
from streaming.gateway.door import body_limit
from streaming.gateway.lag import is_behind
from streaming.gateway.paths import SLASH, route_path, segment_id
from streaming.gateway.rates import RateLimiter
from streaming.settings import GatewaySettings, Settings


def _settings(**gateway: Any) -> Settings:
    return Settings(gateway=GatewaySettings(**gateway))


def test_keys_from_settings_and_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# ours\napp: one \n\nshop:two:with:colons\n")
    keys = ApiKeys(_settings(api_key=SecretStr("zero"), api_keys_file=file))
    names = {k: keys.name_of(k) for k in ("zero", "one", "two:with:colons", "", "on", "one ")}
    assert names == {
        "zero": "default",
        "one": "app",
        "two:with:colons": "shop",
        "": None,
        "on": None,
        "one ": None,
    }


def test_every_key_is_compared_whichever_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("a:1\nb:2\nc:3\n")
    keys = ApiKeys(_settings(api_keys_file=file))
    compared: list[bytes] = []
    real = hmac.compare_digest

    def counting(a: bytes, b: bytes) -> bool:
        compared.append(b)
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    for key in ("1", "3", "none"):
        compared.clear()
        keys.name_of(key)
        assert len(compared) == 3
        assert {len(digest) for digest in compared} == {32}


@pytest.mark.parametrize("content", ["", "nocolon", ":x", "name:"])
def test_a_gateway_without_keys_does_not_start(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys"
    file.write_text(content)
    with pytest.raises(ConfigurationError):
        ApiKeys(_settings(api_keys_file=file))
    with pytest.raises(ConfigurationError):
        ApiKeys(_settings(api_keys_file=tmp_path / "missing"))


def test_a_key_is_presented_either_way() -> None:
    assert presented_key({b"x-api-key": b"k"}) == "k"
    assert presented_key({b"authorization": b"bearer k"}) == "k"
    assert presented_key({b"authorization": b"Basic k"}) == ""
    assert presented_key({}) == ""


def test_a_bucket_refills() -> None:
    now = [0.0]
    rates = RateLimiter(2.0, lambda: now[0])
    assert [rates.wait("a") for _ in range(3)] == [0, 0, 0.5]
    assert rates.wait("b") == 0
    now[0] = 0.5
    assert [rates.wait("a") for _ in range(2)] == [0, 0.5]
    now[0] = 100
    assert [rates.wait("a") == 0 for _ in range(3)] == [True, True, False]
    assert RateLimiter(0).wait("a") == 0


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20))
def test_any_id_survives_a_path(name: str) -> None:
    from urllib.parse import quote

    path = route_path(f"/v1/users/{quote(name, safe='')}/recommendations".encode())
    assert path is not None
    segments = path.split("/")
    assert len(segments) == 5
    assert segment_id(segments[3]) == name


@pytest.mark.parametrize("raw", [b"/v1/users/%ff", b"/v1/users/%C3%28", b"/v1/users/a%1Fb", b"/\x1f"])
def test_no_path_at_all(raw: bytes) -> None:
    assert route_path(raw) is None
    assert SLASH == "\x1f"


def test_bodies_are_limited_by_what_they_are() -> None:
    assert body_limit("/v1/items/x/poster") == 5 * 2**20
    assert body_limit("/v1/items/x") < 2_000_000
    assert body_limit("/v1/items:bulk") > body_limit("/v1/ratings")


def test_acknowledged_ratings_are_remembered_for_a_while() -> None:
    now = [0.0]
    memory = AcknowledgedMemory(10.0, lambda: now[0])
    memory.add("u", "i")
    now[0] = 5.0
    memory.add("u", "j")
    memory.add("u", "i")
    memory.add("v", "k")
    assert memory.items("u") == {"i", "j"}
    now[0] = 10.0
    assert memory.items("u") == {"i", "j"}
    memory.forget("v")
    assert memory.items("v") == frozenset()
    now[0] = 15.0
    assert memory.items("u") == frozenset()
    assert not memory._users
    assert not memory._queue


@pytest.mark.parametrize(
    ("committed", "begin", "end", "young", "behind"),
    [
        (None, 0, 0, -1, False),
        (None, 0, 5, -1, True),
        (None, 0, 5, 0, False),
        (3, 0, 5, 4, True),
        (4, 0, 5, 4, False),
        (5, 0, 5, -1, False),
        (2, 3, 5, -1, True),
    ],
)
def test_lag_counts_from_the_first_unfolded_record(
    committed: int | None, begin: int, end: int, young: int, behind: bool
) -> None:
    assert is_behind(committed, begin, end, young) is behind
