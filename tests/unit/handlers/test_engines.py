"""Engines prove themselves against a recording before they serve; one that fails is passed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from handlers.checksums import CHECKSUMS_FILE, verify_checksums, write_checksums
from handlers.engines import Candidate, Inputs, Outputs, Probe, choose_engine, compare, load_probe, save_probe
from handlers.exceptions import EngineUnavailableError, HandlerError, PackageFileError

VECTORS = np.array([[3, 4], [1, 0]], dtype=np.float32)
PROBE = Probe({"x": VECTORS}, VECTORS)


class Scaled:
    """An engine that answers its input, turned and stretched."""

    def __init__(self, name: str, matrix: npt.ArrayLike, reduced: bool = False) -> None:
        self.name, self.reduced_precision = name, reduced
        self._matrix = np.asarray(matrix, dtype=np.float32)

    def run(self, inputs: Inputs) -> Outputs:
        return {"vector": inputs["x"] @ self._matrix}


def unavailable() -> Scaled:
    raise EngineUnavailableError("no such library")


def candidate(engine: Scaled) -> Candidate:
    return Candidate(engine.name, lambda: engine)


def test_parity_counts_direction_and_length() -> None:
    assert compare(VECTORS, VECTORS, False).passed
    assert not compare(VECTORS * 1.001, VECTORS, False).passed
    assert compare(VECTORS * 1.001, VECTORS, True).passed
    assert not compare(VECTORS * 1.02, VECTORS, True).passed
    turned = np.array([[3, 4.3], [1, 0]], dtype=np.float32)
    assert not compare(turned, VECTORS, True).passed


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_a_row_that_is_no_vector_fails(bad: float) -> None:
    got = VECTORS.copy()
    got[1] = bad
    assert not compare(got, VECTORS, True).passed
    assert not compare(VECTORS[:1], VECTORS, True).passed


def test_the_first_engine_that_passes_is_taken() -> None:
    right, wrong = Scaled("right", np.eye(2)), Scaled("wrong", [[1, 0.2], [0, 1]])
    tried = [Candidate("missing", unavailable), candidate(wrong), candidate(right)]
    assert choose_engine(tried, PROBE).name == "right"


def test_an_engine_that_crashes_on_its_probe_is_passed_over() -> None:
    crashing = Scaled("crashing", np.eye(3))
    assert choose_engine([candidate(crashing), candidate(Scaled("right", np.eye(2)))], PROBE).name == "right"


def test_without_any_engine_every_reason_is_told() -> None:
    with pytest.raises(HandlerError, match=r"missing: no such library; wrong: parity"):
        choose_engine([Candidate("missing", unavailable), candidate(Scaled("wrong", 2 * np.eye(2)))], PROBE)


def test_a_probe_survives_the_disk(tmp_path: Path) -> None:
    save_probe(PROBE, tmp_path / "p")
    read = load_probe(tmp_path / "p")
    assert np.array_equal(read.inputs["x"], VECTORS)
    (tmp_path / "p").write_bytes(b"torn")
    with pytest.raises(PackageFileError):
        load_probe(tmp_path / "p")


def test_a_changed_or_missing_file_is_refused_before_loading(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"weights")
    write_checksums(tmp_path, ["model.onnx"])
    verify_checksums(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"weightz")
    with pytest.raises(PackageFileError, match=r"model\.onnx.*checksum differs"):
        verify_checksums(tmp_path)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(PackageFileError, match="missing"):
        verify_checksums(tmp_path)
    (tmp_path / CHECKSUMS_FILE).unlink()
    with pytest.raises(PackageFileError, match="cannot be read"):
        verify_checksums(tmp_path)
