"""What pyarrow says of a bad value, in words of people who have never heard of it. Pure."""

from __future__ import annotations

import re

A_TIME = "a time: ISO 8601 with a zone, like 2026-01-02T03:04:05Z"
_KINDS = {"timestamp": A_TIME, "double": "a number", "int64": "a whole number", "int32": "a whole number"}

_NO_ZONE = re.compile(r"expected a zone offset in '(.*?)'\. ", re.DOTALL)
_NO_VALUE = re.compile(r"CSV conversion error to (\w+)(?:\[.*?\])?: invalid value '(.*)'$", re.DOTALL)
_NO_PARSE = re.compile(r"Failed to parse string: '(.*)' as a scalar of type (\w+)", re.DOTALL)
_NO_WHOLE = re.compile(r"Float value (\S+) was truncated converting to int\d+")
_NO_CAST = re.compile(r"Unsupported cast from (.+) to (\w+)")
_WIDTH = re.compile(r"Expected (\d+) columns, got (\d+)")


def plain(said: str) -> str:
    """``said`` in our words; as it is, where we have none for it."""
    if "UTF8" in said:
        return "a text is not UTF-8"
    if found := _NO_ZONE.search(said):
        return _is_no(found[1], "timestamp")
    if found := _NO_VALUE.search(said):
        return _is_no(found[2], found[1])
    if found := _NO_PARSE.search(said):
        return _is_no(found[1], found[2])
    if found := _NO_WHOLE.search(said):
        return f"{float(found[1]):g} is not a whole number"
    if found := _NO_CAST.search(said):
        return f"holds {found[1]}, not {_KINDS.get(found[2], found[2])}"
    if found := _WIDTH.search(said):
        much = "few" if int(found[2]) < int(found[1]) else "many"
        return f"has too {much} fields: {found[2]}, not {found[1]}"
    return said


def _is_no(value: str, kind: str) -> str:
    return f"'{value}' is not {_KINDS.get(kind, kind)}"
