"""Whatever is asked of any route that ``/openapi.json`` names, the answer is one that it names too."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from streaming.control.documents import SpaceDocument
from streaming.gateway.openapi import TYPES
from tests.integration.gateway.world import Api, Film, World

FOR_S = 5.0
LEAST = 25
"""Answers that must have been looked at, however busy the machine is."""
WAITS = "get", "/v1/users/{user_id}"
"""Asks a ledger, which is not here, and waits for one."""
KINDS = {kind.__name__: kind for kind in TYPES}

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
_json = st.recursive(
    _scalars, lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=8), some, max_size=4)
)
_ids = st.sampled_from(["t:1", "t:299", "u", "nobody", "a/b", "\u00fc"]) | st.text(min_size=1, max_size=70)
_types = st.sampled_from(["application/json", "application/json", "text/plain", "multipart/form-data", ""])


def values(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    """Query values: some that fit the schema, some next to its bounds, some that are nothing."""
    good: st.SearchStrategy[str] = st.sampled_from(["true", "0.5", "2026-01-01T00:00:00Z", "Drama"])
    if schema.get("type") == "integer":
        low, high = schema.get("minimum", -10_000), schema.get("maximum", 10_000)
        good = st.integers(low - 1, high + 1).map(str)
    return good | good | st.text(max_size=20)


def mutated(example: Any) -> st.SearchStrategy[Any]:
    """An example with one of its fields changed, added or left out."""
    if not isinstance(example, dict) or not example:
        return _json
    names = st.sampled_from(sorted(example))
    return st.one_of(
        st.just(example),
        st.builds(lambda name, value: {**example, name: value}, names | st.text(max_size=5), _json),
        names.map(lambda name: {other: value for other, value in example.items() if other != name}),
        st.just([example, example]),
    )


def bodies(content: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Bodies for a route: from its examples, any JSON, any bytes."""
    described = content.get("application/json", {})
    examples = [described["example"]] if "example" in described else []
    examples += [one["value"] for one in described.get("examples", {}).values()]
    made = st.one_of([mutated(example) for example in examples] or [_json])
    encoded = (made | _json).map(lambda value: json.dumps(value).encode())
    return encoded | encoded | st.binary(max_size=200)


def fault(response: Any, described: dict[str, Any]) -> str | None:
    """What is wrong with an answer: a status that is not named, an error that is no problem document, a body
    that is not of its type."""
    status, kind = str(response.status_code), response.headers.get("content-type", "")
    if status not in described["responses"]:
        return f"{status} is not described: {response.text[:300]}"
    if response.status_code >= 400 and kind != "application/problem+json":
        return f"{status} comes as {kind}"
    schema = described["responses"][status].get("content", {}).get(kind, {}).get("schema", {})
    if "$ref" in schema:
        try:
            msgspec.json.decode(response.content, type=KINDS[schema["$ref"].rsplit("/", 1)[1]])
        except msgspec.MsgspecError as error:
            return f"{error}: {response.text[:300]}"
    return None


def test_every_answer_is_one_that_the_description_names(
    world: World, space: SpaceDocument, catalogue: list[Film], api: Api
) -> None:
    world.put_user(space, "u", catalogue[:5])
    paths = api.get("/openapi.json").json()["paths"]
    operations = [
        (method, path, paths[path][method])
        for path in sorted(paths)
        for method in paths[path]
        if (method, path) != WAITS
    ]
    assert len(operations) >= 15
    until = time.monotonic() + FOR_S
    statuses: list[int] = []
    faults: list[object] = []

    @settings(
        max_examples=300,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        method, path, described = data.draw(st.sampled_from(operations))
        query = []
        for parameter in described.get("parameters", []):
            name = parameter["name"]
            if parameter["in"] == "path":
                # a client may not send dots alone: they mean folders
                given_id = data.draw(_ids.filter(lambda text: text.strip(".")))
                path = path.replace(f"{{{name}}}", quote(given_id, safe="", errors="replace"))
            elif data.draw(st.booleans()):
                query.append((name, data.draw(values(parameter["schema"])).encode(errors="replace").decode()))
        body, headers = None, {}
        if "requestBody" in described:
            body = data.draw(bodies(described["requestBody"]["content"]))
            headers = {"content-type": data.draw(_types)}
        if faults or (time.monotonic() > until and len(statuses) >= LEAST):
            return
        response = api.http.request(method, path, params=query, content=body, headers=headers)
        statuses.append(response.status_code)
        # not raised in here: what cannot be asked again in time cannot be made smaller either
        if (found := fault(response, described)) is not None:
            faults.append((found, method, path, query, headers, body))

    ask()
    assert not faults
    assert len(statuses) >= LEAST, statuses
    assert {status // 100 for status in statuses} >= {2, 4}, "neither all was refused nor all taken"
    assert api.get("/healthz").status_code == 200
