"""MobileNetV2 with ImageNet weights, dequantised from TFLite: what our ViT learns to see from.

Source: Sandler et al., MobileNetV2 (2018). The network is fully convolutional up to its pooling, so posters
go through it in their own shape.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from handlers.images import decode_poster
from handlers.pixels import prepare
from trainer.exceptions import DataError
from trainer.vision.tflite import Graph, Operator, read_graph

WEIGHTS = Path("weights/mobilenet_v2_tflite/mobilenet_v2_1.0_224_quant.tflite")
"""Below the data folder."""
WIDTH = 1280
STRIDE = 32

_ADD, _POOL, _CONV, _DEPTHWISE, _RESHAPE, _SOFTMAX, _MEAN, _QUANTISE = 0, 1, 3, 4, 22, 25, 40, 114
_RELU6 = 3


class Convolution(nn.Module):
    """One convolution with TensorFlow's padding SAME, which puts the odd pixel last."""

    def __init__(self, weight: Tensor, bias: Tensor, stride: int, groups: int, relu6: bool) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight, False), nn.Parameter(bias, False)
        self.stride, self.groups, self.relu6 = stride, groups, relu6

    def forward(self, x: Tensor) -> Tensor:
        """float32 [n, in, h, w] -> [n, out, ceil(h / stride), ceil(w / stride)]."""
        kernel = self.weight.shape[-1]
        pads = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // self.stride) - 1) * self.stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        if any(pads):
            x = functional.pad(x, pads)
        x = functional.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)
        return functional.relu6(x) if self.relu6 else x


class Teacher(nn.Module):
    """pixels float32 [n, 3, h, w] in -1..1 -> features float32 [n, 1280, ceil(h / 32), ceil(w / 32)]."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        self.steps: list[tuple[int, tuple[int, ...], int]] = []
        """(index of the convolution or -1 for a sum, numbers of the inputs, number of the output)."""
        self.aliases: dict[int, int] = {}
        self.input = -1
        for operator in graph.operators:
            self._append(graph, operator)

    def _append(self, graph: Graph, operator: Operator) -> None:
        inputs, (output,) = operator.inputs, operator.outputs
        if self.input < 0:
            self.input = inputs[0]
        if operator.code in (_CONV, _DEPTHWISE):
            weight, bias = graph.tensors[inputs[1]].values, graph.tensors[inputs[2]].values
            options = operator.options
            if weight is None or bias is None or options is None:
                raise ValueError("a convolution without constant weights")
            stride, depthwise = options.scalar(1, "i", 1), operator.code == _DEPTHWISE
            relu6 = options.scalar(4 if depthwise else 3, "b") == _RELU6
            # TFLite has out, h, w, in; of depthwise 1, h, w, channels
            made = torch.from_numpy(weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)).copy())
            groups = made.shape[0] if depthwise else 1
            self.steps.append((len(self.convolutions), inputs[:1], output))
            self.convolutions.append(Convolution(made, torch.from_numpy(bias.copy()), stride, groups, relu6))
        elif operator.code == _ADD:
            self.steps.append((-1, inputs, output))
        elif operator.code in (_QUANTISE, _RESHAPE, _SOFTMAX, _POOL, _MEAN):
            self.aliases[output] = inputs[0]
        else:
            raise ValueError(f"operator {operator.code} does not occur in MobileNetV2")

    def forward(self, pixels: Tensor) -> Tensor:
        """The last feature map; its mean over both axes is what MobileNetV2 classifies by."""
        known = {self.input: pixels}
        result = pixels
        for index, inputs, output in self.steps[:-1]:
            values = [known[self.aliases.get(i, i)] for i in inputs]
            result = values[0] + values[1] if index < 0 else self.convolutions[index](values[0])
            known[output] = result
        return result

    def classify(self, features: Tensor) -> Tensor:
        """float32 [n, 1280, h, w] -> logits float32 [n, 1001]: ``background`` and ImageNet's classes."""
        logits: Tensor = self.convolutions[-1](features.mean((2, 3), keepdim=True)).flatten(1)
        return logits


def load_teacher(path: Path) -> Teacher:
    """The network in the TFLite file ``path``, in float32.

    Raises:
        DataError: if it is missing or another network.
    """
    try:
        teacher = Teacher(read_graph(path)).eval()
        with torch.inference_mode():
            found = teacher(torch.zeros(1, 3, 64, 64)).shape
    except (ValueError, KeyError, IndexError, RuntimeError) as error:
        raise DataError(path, f"is no MobileNetV2: {error}") from None
    if found != (1, WIDTH, 2, 2):
        raise DataError(path, f"gives features {tuple(found)}, not those of MobileNetV2 1.0")
    return teacher


def photo(path: Path, size: int = 224) -> Tensor:
    """A photo as the network was trained on it: its middle, float32 [1, 3, size, size] in -1..1."""
    image = decode_poster(path.read_bytes())
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    middle = np.ascontiguousarray(image[top : top + side, left : left + side])
    return torch.from_numpy(prepare([middle], size, size))
