"""The OpenAPI document as one page for people: no script, nothing from elsewhere. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

METHODS: Final = ("get", "put", "post", "delete")
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; font-family: monospace; overflow-wrap: anywhere }
h2 b { color: #06c }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .2rem .8rem .2rem 0;
  vertical-align: top; border-bottom: 1px solid #eee }
pre { background: #f5f5f5; padding: .7rem; overflow-x: auto; font-size: .9rem }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } pre { background: #262626 }
  h2 b, a { color: #6bf } th, td { border-color: #333 } }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""A browser may load nothing beside the page itself and its own style."""

_SCHEMA: Final = "#/components/schemas/"


def page(described: Mapping[str, Any], url: str) -> str:
    """HTML of an OpenAPI document: each route with parameters, bodies, answers, and a line for curl.

    Args:
        url: where the gateway is reached, for the examples.
    """
    info = described["info"]
    routes = [
        (path, method, methods[method])
        for path, methods in described["paths"].items()
        for method in METHODS
        if method in methods
    ]
    contents = "".join(
        f'<li><a href="#{_anchor(method, path)}"><code>{method.upper()} {escape(path)}</code></a></li>'
        for path, method, _ in routes
    )
    parts = [
        f"<h1>{escape(info['title'])}</h1><p>{_text(info['description'])}</p>",
        f"<p>The examples expect <code>GATEWAY={escape(url)}</code> and your API key in <code>KEY</code>. "
        'Programs read <a href="/openapi.json">/openapi.json</a>.</p>',
        f"<ul>{contents}</ul>",
        *(_route(path, method, route) for path, method, route in routes),
        "<h1>Types</h1>",
        *(_type(name, schema) for name, schema in sorted(described["components"]["schemas"].items())),
    ]
    head = f"<meta charset=utf-8><title>{escape(info['title'])}: endpoints</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>"


def _route(path: str, method: str, route: Mapping[str, Any]) -> str:
    rows = [
        (
            p["name"],
            p["in"] + (", required" if p.get("required") else ""),
            _kind(p["schema"]),
            p.get("description", ""),
        )
        for p in route.get("parameters", ())
    ]
    content = route.get("requestBody", {}).get("content", {})
    answers = [
        (status, _kinds(answer.get("content", {})), answer["description"])
        for status, answer in sorted(route["responses"].items())
    ]
    shown = [f'<h2 id="{_anchor(method, path)}"><b>{method.upper()}</b> {escape(path)}</h2>']
    shown.append(f"<p>{_text(route.get('description') or route.get('summary', ''))}</p>")
    if rows:
        shown.append("<h3>Parameters</h3>" + _table(("name", "where", "type", "meaning"), rows))
    if content:
        shown.append(f"<h3>Body</h3><p>{escape(_kinds(content))}</p>")
    shown.append(f"<h3>Example</h3><pre>{escape(_curl(path, method, route))}</pre>")
    shown.append("<h3>Answers</h3>" + _table(("status", "body", "meaning"), answers))
    for status in sorted(route["responses"]):
        for example in _examples(route["responses"][status].get("content", {})):
            if status.startswith("2"):
                shown.append(f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>")
    return "".join(shown)


def _type(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (field, _kind(kind), "required" if field in required else "")
        for field, kind in schema.get("properties", {}).items()
    ]
    meaning = _text(schema.get("description", ""))
    return f'<h2 id="type-{escape(name)}">{escape(name)}</h2><p>{meaning}</p>' + _table(
        ("field", "type", ""), rows
    )


def _curl(path: str, method: str, route: Mapping[str, Any]) -> str:
    for parameter in route.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter.get("example", parameter["name"])))
    line = "curl" if method == "get" else f"curl -X {method.upper()}"
    line += f' "$GATEWAY{path}"'
    if route.get("security"):
        line += ' -H "X-API-Key: $KEY"'
    content = route.get("requestBody", {}).get("content", {})
    for example in _examples({"application/json": content.get("application/json", {})}):
        body = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
        return line + f" -H 'content-type: application/json' \\\n     -d '{body}'"
    return line + " --data-binary @FILE" if content else line


def _examples(content: Mapping[str, Any]) -> list[Any]:
    """The first example of each kind of body that has one."""
    found = []
    for body in content.values():
        if "example" in body:
            found.append(body["example"])
        elif "examples" in body:
            found.append(next(iter(body["examples"].values()))["value"])
    return found


def _kinds(content: Mapping[str, Any]) -> str:
    """What a body may be: its media types, and the type of each."""
    return "; ".join(
        f"{media}: {_kind(body['schema'])}" if body.get("schema") else media
        for media, body in content.items()
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_SCHEMA)
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return " or ".join(_kind(one) for one in schema[word])
    if "enum" in schema:
        return " or ".join(json.dumps(one) for one in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        kind = f"array of {_kind(schema.get('items') or {})}"
    if kind == "object" and schema.get("properties"):
        kind = "{" + ", ".join(f"{name}: {_kind(one)}" for name, one in schema["properties"].items()) + "}"
    limits = [
        f"{word} {_number(schema[name])}"
        for name, word in (("minimum", "from"), ("maximum", "to"), ("default", "default"))
        if schema.get(name) not in (None, "", [], ())
    ]
    return f"{kind} ({', '.join(limits)})" if limits else kind


def _number(value: Any) -> str:
    # msgspec writes whole bounds as 1.0
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    def row(tag: str, cells: Iterable[Any]) -> str:
        return "<tr>" + "".join(f"<{tag}>{_text(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{row('th', head)}{''.join(row('td', cells) for cells in rows)}</table>"


def _text(text: str) -> str:
    """Escaped, what stands in backticks as code."""
    return re.sub(r"(`+)([^`]+)\1", r"<code>\2</code>", escape(text)).replace("\n\n", "<br><br>")


def _anchor(method: str, path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{method}{path}".lower()).strip("-")
