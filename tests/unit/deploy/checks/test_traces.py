"""Searching for an id: decoded, alone, across the edges of what is read at once."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.checks import raw
from deploy.checks.places import mentions, record_mentions
from deploy.checks.raw import file_mentions
from deploy.checks.reading import Record
from deploy.checks.traces import Trace, Traces, search_files
from model_store.manifest import Manifest, TrainingData, describe_files, write_manifest
from streaming.settings import Settings


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
        patch.setattr(raw, "CHUNK", chunk)
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


def test_a_file_that_a_manifest_proves_raises_no_alarm(tmp_path: Path) -> None:
    """Three bytes of a model look like an id by chance; the same bytes changed since are a trace again."""
    package, copies = tmp_path / "models" / "enc" / "1", tmp_path / "torchserve"
    package.mkdir(parents=True)
    copies.mkdir()
    weights = b"\x00\xffnu5\x00" * 50
    (package / "model.onnx").write_bytes(weights)
    data = TrainingData(name="d", fingerprint="0", ratings=1, users=1, items=1, cut_off_ms=0)
    made = Manifest(schema=1, kind="built", name="enc", version="1", dim=2, id_namespace="ml", data=data)
    write_manifest(msgspec.structs.replace(made, files=describe_files(package)), package)
    (copies / "model.onnx").write_bytes(weights)
    (copies / "other.bin").write_bytes(weights + b"1")

    def found() -> Traces:
        result = Traces()
        search_files(Settings(home=tmp_path), "nu5", result)
        return result

    result = found()
    assert [trace.where for trace in result.traces] == ["torchserve/other.bin"]
    assert (result.files_proven, result.all_end) == (2, False)
    (copies / "other.bin").unlink()
    assert found().all_end
    assert "2 left out" in found().sentence

    # of the same length, and no longer what the manifest says: searched like any other
    (copies / "model.onnx").write_bytes(weights[:-1] + b"\x01")
    assert [trace.where for trace in found().traces] == ["torchserve/model.onnx"]
    # a manifest that cannot be read proves nothing
    (package / "manifest.json").write_text("{")
    assert len(found().traces) == 2
