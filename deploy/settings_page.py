"""Every setting with its variable, its default and what it is for: the page docs/settings.md. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from deploy.variables import VARIABLES
from streaming.settings import Section, Settings

HEAD = """\
# Settings

This page is what `marquee config show --markdown` prints; a test holds that it is.

A value comes from the first of these that has it: the environment, `$MARQUEE_HOME/stack/settings.json`
(what the running local stack wrote of itself), the default. `marquee config show` says of each which it was,
`--describe` what it is for; secrets are never shown. A name in a command or an error is the variable's, in
small letters and with a dot: `erasure.deadline_days` is `MARQUEE_ERASURE__DEADLINE_DAYS`. Settings that do
not hold end every process with exit code 2, each named with what is wrong with it.
"""
KAFKA = """
Any option of librdkafka may be set, its dots written as underscores: `MARQUEE_KAFKA__SASL_USERNAME` is
`sasl.username`.
"""
REST = """
## Variables that are no settings

`MARQUEE_BENCH_...` are in [benchmarks.md](benchmarks.md), `MARQUEE_TEST_SEED` in
[CONTRIBUTING.md](../CONTRIBUTING.md).
"""


def variable_of(path: Sequence[str]) -> str:
    """``("milvus", "uri")`` -> ``MARQUEE_MILVUS__URI``."""
    return "MARQUEE_" + "__".join(part.upper().replace(".", "_") for part in path)


def description_of(path: Sequence[str]) -> str:
    """What a setting is for; options of librdkafka all have the words of their section."""
    model: type[Any] = Settings
    for name in path:
        field = model.model_fields[name]
        section = _section(field)
        if section is None:
            return field.description or ""
        model = section
    return ""


def page() -> str:
    """Every setting by section, then the variables that are none, as Markdown; nothing of this machine."""
    parts = [HEAD, "\n## General\n\n", _table(_settings(Settings, ()))]
    for name, field in Settings.model_fields.items():
        section = _section(field)
        if section is not None:
            about = inspect.getdoc(section) or ""
            parts += [f"\n## {name}\n\n{' '.join(about.split())}\n\n", _table(_settings(section, (name,)))]
        elif isinstance(default := field.get_default(call_default_factory=True), dict):
            rows = [(variable_of((name, option)), value, f"`{option}`") for option, value in default.items()]
            parts += [f"\n## {name}\n{KAFKA}\n", _table(rows)]
    parts += [REST, "\n", _table((one.name, one.default, one.description) for one in VARIABLES)]
    return "".join(parts)


def _section(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _settings(model: type[Any], path: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """(variable, default, description with its limits) of a section's own settings."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if _section(field) is None and not isinstance(default, dict):
            about = "; ".join(part for part in (field.description, _limits(field)) if part)
            yield variable_of((*path, name)), _plain(default), about


def _limits(field: FieldInfo) -> str:
    """``1 to 64``, ``above 0``: what the type checks."""
    found = {
        name: getattr(limit, name)
        for limit in field.metadata
        for name in ("gt", "ge", "le")
        if hasattr(limit, name)
    }
    low, high = found.get("ge"), found.get("le")
    if "gt" in found:
        return f"above {found['gt']}" + ("" if high is None else f", at most {high}")
    if low is None:
        return ""
    return f"at least {low:,}" if high is None else f"{low:,} to {high:,}"


def _plain(default: object) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default)


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = ["| variable | default | what it is for |", "|---|---|---|"]
    for variable, default, about in rows:
        # words of a default bring their own code marks
        shown = default if not default or "`" in default or " " in default else f"`{default}`"
        lines.append(f"| `{variable}` | {shown} | {about} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"
