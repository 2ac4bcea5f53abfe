"""Strings reach Milvus as they are, and pymilvus looks at each once."""

from __future__ import annotations

from typing import Any

import pytest
from pymilvus import DataType
from pymilvus.client import entity_helper
from pymilvus.exceptions import MilvusException
from pymilvus.grpc_gen.schema_pb2 import FieldData

from streaming.milvus.packing import packed

FIELD = {"name": "seen0", "type": DataType.VARCHAR, "params": {"max_length": 1_000}}


def sent(value: Any) -> bytes:
    """The field as it goes over the wire."""
    data = FieldData(type=DataType.VARCHAR, field_name="seen0")
    entity_helper.pack_field_value_to_field_data(value, data, FIELD, {})
    found: bytes = data.SerializeToString()
    return found


@pytest.mark.parametrize("text", ["", "a", "Amélie|映画|\U0001f3ac", "x" * 1_000])
def test_the_same_bytes_are_sent(text: str) -> None:
    row = packed({"user_id": "u1", "seen0": text, "n_liked": 3})
    assert row == {"user_id": "u1", "seen0": text, "n_liked": 3}
    assert sent(row["seen0"]) == sent(text)


def test_a_string_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def counted(values: Any, *_: Any, **__: Any) -> Any:
        looked.append(sum(1 for _ in values))
        return values

    monkeypatch.setitem(entity_helper._ROW_SCALAR_NORMALIZERS, DataType.VARCHAR, counted)
    sent(packed({"seen0": "x" * 500})["seen0"])
    sent("x" * 500)
    assert looked == [1, 500], "the control: by itself pymilvus walks over every character"


def test_a_string_that_is_too_long_is_refused() -> None:
    with pytest.raises(MilvusException):
        sent(packed({"seen0": "x" * 1_001})["seen0"])
