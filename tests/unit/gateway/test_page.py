"""The page at /docs: everything that /openapi.json says, nothing that a browser would run or fetch."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI

from streaming.gateway import openapi
from streaming.gateway.page import HEADERS, METHODS, page
from streaming.gateway.routes import (
    docs,
    events,
    health,
    items,
    posters,
    ratings,
    recommendations,
    search,
    users,
)


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    app = FastAPI(title="Marquee", description=openapi.DESCRIPTION)
    for noun in (recommendations, search, users, ratings, items, posters, events, health, docs):
        app.include_router(noun.router)
    return openapi.completed(app.openapi())


def test_every_route_parameter_and_answer_is_there(described: dict[str, Any]) -> None:
    html = page(described, "http://127.0.0.1:8700")
    assert "GATEWAY=http://127.0.0.1:8700" in html
    sections = {
        unescape(re.sub(r"<[^>]+>", "", section.split("</h2>")[0]).split(">", 1)[1]): unescape(section)
        for section in html.split("<h2")[1:]
    }
    assert len(described["paths"]) > 10
    for path, methods in described["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            section = sections[f"{method.upper()} {path}"]
            for parameter in methods[method].get("parameters", ()):
                assert f"<td>{parameter['name']}</td>" in section, (path, parameter)
            for status in methods[method]["responses"]:
                assert f"<td>{status}</td>" in section, (path, status)
    rating = sections["POST /v1/ratings"]
    assert 'curl -X POST "$GATEWAY/v1/ratings" -H "X-API-Key: $KEY"' in rating
    assert '"item_id": "ml:296", "value": 4.5' in rating
    assert "array of string" in sections["GET /v1/users/{user_id}/recommendations"]
    for name in described["components"]["schemas"]:
        assert name in sections
    assert "k: integer (from 1, to 1000, default 10)" in sections["POST /v1/search"]
    assert "<code>k</code> films" in sections["POST /v1/search"]
    assert "`" not in html
    # each link on the page leads somewhere
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(re.findall(r'id="([^"]+)"', html))


def test_nothing_on_it_is_run_or_fetched(described: dict[str, Any]) -> None:
    evil = '<script src="//cdn">alert(1)</script><img src=x onerror=alert(1)>'
    described = described | {"info": {"title": evil, "description": evil}}
    html = page(described, f'http://"{evil}')
    assert not re.search(r"<(script|img|link|iframe|object|form)\b", html)
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', html) == ["/openapi.json"]
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert " style=" not in html
    policy = HEADERS["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # the style that the policy allows is this one, and nothing else is allowed
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
