"""What msgspec has against an event, in words for who sends it. Pure."""

from __future__ import annotations

import re
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

_KINDS: Final = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "datetime": "a time like 2026-01-01T00:00:00Z",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_GOT: Final = _KINDS | {"float": "a number with a fraction", "bool": "true or false", "datetime": "a time"}
_AT: Final = re.compile(r" - at `\$(?:\.(\w+))?(.*)`$")
_EXPECTED: Final = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_MISSING: Final = re.compile(r"missing required field `(.*)`", re.DOTALL)
_UNKNOWN: Final = re.compile(r"unknown field `(.*)`", re.DOTALL)
_SHOWN: Final = 100
"""Characters of a stranger's field name that are repeated to him."""


def decoding_problem(error: Exception, kind: Any = None) -> tuple[str, str | None]:
    """(reason, field or None) of a failed decoding; the reason stands by itself where there is a field,
    else it goes on from "it ...".

    Args:
        kind: the struct that was expected; names the fields and values that there are.
    """
    if isinstance(error, RecursionError):
        return "is nested too deeply", None
    if isinstance(error, UnicodeDecodeError):
        return "is not valid UTF-8", None
    said = str(error)
    at = _AT.search(said)
    field, entry = (at[1], bool(at[2])) if at else (None, False)
    said = said[: at.start()] if at else said
    if found := _MISSING.search(said):
        return f"{found[1]} is missing", found[1]
    if found := _UNKNOWN.search(said):
        name = found[1][:_SHOWN]
        known = getattr(kind, "__struct_fields__", ())
        there_are = f"; there are {', '.join(known)}" if known else ""
        return f"{name} is not a known field{there_are}", name
    about = _about(said, kind, field)
    if field is None:
        return about, None
    return f"{'an entry of ' if entry else ''}{field} {about}", field


def _about(said: str, kind: Any, field: str | None) -> str:
    """What is said of a field, or of the whole where there is none, as the end of a sentence."""
    if found := _EXPECTED.search(said):
        wanted = " or ".join(_KINDS.get(one, one) for one in found[1].split(" | "))
        return f"must be {wanted}, not {_GOT.get(found[2], found[2])}"
    if "timezone" in said:
        return "must have a time zone, like 2026-01-01T00:00:00Z"
    if "RFC3339" in said:
        return f"must be {_KINDS['datetime']}"
    if said.startswith("Invalid enum value") and (allowed := _allowed(kind, field)):
        return f"must be one of {', '.join(allowed)}"
    if "truncated" in said:
        return "is not complete: it ends too early, or holds half a character"
    if "malformed" in said:
        # `JSON is malformed: invalid character (byte 37)`
        form, _, where = said.partition(" is malformed: ")
        return f"is not {form}: {where}"
    if "out of range" in said:
        return "is out of range"
    return f"is not right: {said}"


def _allowed(kind: Any, field: str | None) -> list[str]:
    hint = get_type_hints(kind).get(field) if kind is not None and field else None
    return [str(one) for one in get_args(hint)] if get_origin(hint) is Literal else []
