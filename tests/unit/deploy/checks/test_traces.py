"""Searching for an id: decoded, alone, across the edges of what is read at once."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.checks import traces
from deploy.checks.reading import Record
from deploy.checks.traces import Trace, Traces, file_mentions, mentions, record_mentions


def record(value: bytes | None, key: bytes | None = b"k") -> Record:
    """Some record."""
    return Record("t", 0, 0, 0, key, value, [])


def test_an_id_is_found_decoded_wherever_it_stands() -> None:
    assert mentions({"a": [1, {"u1": None}]}, "u1")
    assert not mentions({"a": ["u12", "xu1"]}, "u1")
    assert record_mentions(record(b'{"user_id": "\\u0075\\u0031"}'), "u1")
    assert record_mentions(record(msgspec.msgpack.encode([1, {"u1": 2}])), "u1")
    assert record_mentions(record(None, b"u1"), "u1")
    assert record_mentions(record(b'{"broken": "u1"'), "u1")
    assert not record_mentions(record(b'{"broken": "u12"'), "u1")
    assert not record_mentions(record(b'{"user_id": "u2"}'), "u1")


@given(
    st.lists(st.sampled_from([b"u1", b"u12", b"xu1", b" ", b"\n", b"aaa"]), max_size=30), st.integers(4, 9)
)
def test_a_file_is_searched_across_the_edges_of_its_chunks(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], chunk: int
) -> None:
    content = b"".join(parts)
    path: Path = tmp_path_factory.mktemp("files") / "file"
    path.write_bytes(content)
    want = file_mentions(path, "u1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traces, "CHUNK", chunk)
        assert file_mentions(path, "u1") == want
    assert want == len(content.replace(b" ", b"\n").split(b"\n")) - len(
        [w for w in content.replace(b" ", b"\n").split(b"\n") if w != b"u1"]
    )


def test_what_nothing_ends_is_said() -> None:
    ending = Trace("a", "records", 1, "2026-01-02T00:00:00+00:00")
    assert Traces(traces=[ending]).last_end == ending.ends
    assert Traces(traces=[ending]).all_end
    assert not Traces(traces=[ending, Trace("b", "records", 1, None)]).all_end
    assert "nothing is left" in Traces().sentence
