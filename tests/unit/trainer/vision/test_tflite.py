"""The reader of TFLite files: constants dequantised, torn files refused, and MobileNetV2 still sees."""

from __future__ import annotations

import os
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import torch

from trainer.exceptions import DataError
from trainer.vision.teacher import Convolution, load_teacher, photo
from trainer.vision.tflite import read_graph

DATA = Path(os.environ.get("MARQUEE_DATA", "../shared/data"))
WEIGHTS = DATA / "weights" / "mobilenet_v2_tflite"


def vector(builder: flatbuffers.Builder, values: np.ndarray) -> int:
    return int(builder.CreateNumpyVector(values))


def offsets(builder: flatbuffers.Builder, places: list[int]) -> int:
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return int(builder.EndVector())


def table(builder: flatbuffers.Builder, size: int, fields: dict[int, tuple[str, int]]) -> int:
    builder.StartObject(size)
    for number, (kind, value) in fields.items():
        getattr(builder, f"Prepend{kind}Slot")(number, value, 0)
    return int(builder.EndObject())


def tiny_model() -> bytes:
    """One sum of: int8 with a scale a channel, uint8 with one scale and a zero point; and what it gives."""
    b = flatbuffers.Builder(1024)
    raw = [
        np.empty(0, np.uint8),
        np.array([2, 4, -6, 8], np.int8).view(np.uint8),
        np.array([130, 126], np.uint8),
    ]
    data = [vector(b, one) if len(one) else 0 for one in raw]
    buffers = [table(b, 1, {0: ("UOffsetTRelative", one)} if one else {}) for one in data]

    def quantised(scales: list[float], zeros: list[int], axis: int) -> int:
        s, z = vector(b, np.array(scales, np.float32)), vector(b, np.array(zeros, np.int64))
        return table(b, 7, {2: ("UOffsetTRelative", s), 3: ("UOffsetTRelative", z), 6: ("Int32", axis)})

    def tensor(shape: list[int], kind: int, buffer: int, quantisation: int) -> int:
        dims = vector(b, np.array(shape, np.int32))
        fields = {0: ("UOffsetTRelative", dims), 1: ("Int8", kind), 2: ("Uint32", buffer)}
        if quantisation:
            fields[4] = ("UOffsetTRelative", quantisation)
        return table(b, 8, fields)

    by_channel, whole = quantised([0.5, 0.25], [0, 0], 1), quantised([0.1], [128], 0)
    tensors = offsets(
        b, [tensor([2, 2], 9, 1, by_channel), tensor([2], 3, 2, whole), tensor([2, 2], 0, 0, 0)]
    )
    ins, outs = vector(b, np.array([0, 1], np.int32)), vector(b, np.array([2], np.int32))
    operator = table(b, 5, {0: ("Uint32", 0), 1: ("UOffsetTRelative", ins), 2: ("UOffsetTRelative", outs)})
    operators = offsets(b, [operator])
    graph = offsets(b, [table(b, 4, {0: ("UOffsetTRelative", tensors), 3: ("UOffsetTRelative", operators)})])
    codes = offsets(b, [table(b, 4, {3: ("Int32", 40)})])
    held = offsets(b, buffers)
    model = table(
        b, 5, {1: ("UOffsetTRelative", codes), 2: ("UOffsetTRelative", graph), 4: ("UOffsetTRelative", held)}
    )
    b.Finish(model, b"TFL3")
    return bytes(b.Output())


def test_constants_are_dequantised_by_channel_or_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_model())
    graph = read_graph(path)
    by_channel, whole, computed = graph.tensors
    np.testing.assert_allclose(by_channel.values, [[1.0, 1.0], [-3.0, 2.0]])
    np.testing.assert_allclose(whole.values, [0.2, -0.2], rtol=1e-6)
    assert computed.values is None
    assert computed.shape == (2, 2)
    (operator,) = graph.operators
    assert (operator.code, operator.inputs, operator.outputs) == (40, (0, 1), (2,))


@pytest.mark.parametrize("cut", [0, 6, 40, 200])
def test_a_torn_file_is_named(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "torn.tflite"
    path.write_bytes(tiny_model()[:cut])
    with pytest.raises(DataError, match=r"torn\.tflite"):
        read_graph(path)


def test_a_missing_file_or_another_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_teacher(tmp_path / "none.tflite")
    path = tmp_path / "other.tflite"
    path.write_bytes(tiny_model())
    with pytest.raises(DataError, match="MobileNetV2"):
        load_teacher(path)


def test_the_odd_pixel_of_same_padding_comes_last() -> None:
    # TensorFlow pads 4 pixels at stride 2 and 3 taps by none before and one after
    taps = Convolution(torch.ones(1, 1, 1, 3), torch.zeros(1), 2, 1, relu6=False)
    taps.weight.data = torch.ones(1, 1, 3, 3)
    out = taps(torch.arange(16.0).reshape(1, 1, 4, 4))
    assert out.flatten().tolist() == [45.0, 39.0, 66.0, 50.0]


@pytest.mark.data
@pytest.mark.skipif(not WEIGHTS.is_dir(), reason=f"needs MobileNetV2's weights in {WEIGHTS} (MARQUEE_DATA)")
def test_the_teacher_names_what_photos_show() -> None:
    labels = (WEIGHTS / "imagenet_labels.txt").read_text().splitlines()
    for weights in sorted(WEIGHTS.glob("*.tflite")):
        teacher = load_teacher(weights)
        for name, wanted in {"cat_720p": "Egyptian cat", "hot_dog": "hotdog", "parrot": "macaw"}.items():
            with torch.inference_mode():
                best = int(teacher.classify(teacher(photo(WEIGHTS / f"{name}.jpg"))).argmax())
            assert labels[best].startswith(wanted), (weights.name, name, labels[best])
