"""BERT's matrices in int8 as far as the parity limits let through, the others in bfloat16.

Judged by the probe and by real films at once: which matrices suffer is measured, and a dozen recorded rows
are few to choose by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from handlers.engines.packing import packed
from handlers.engines.parity import Parity, Probe, compare
from model_store.bytes8 import ByteLinear
from model_store.narrow import PARTS, PackedNetwork, maps_of
from model_store.share import by_harm, fits, harm, longest_that_fits

SEEN = 96
"""Films that outliers and roundings are judged by."""
JUDGED = 64
"""Films, others than those, that the choice is judged by."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Mixed:
    """What became of a network."""

    network: PackedNetwork
    parity: Parity
    """The worse of what the probe and the films say."""
    parts: int
    """Maps in int8."""
    of: int


def run(network: Callable[..., Tensor], inputs: Arrays) -> npt.NDArray[np.float32]:
    """What ``network`` says, float32 [n, dim]."""
    with torch.inference_mode():
        said: npt.NDArray[np.float32] = network(
            **{name: torch.from_numpy(value) for name, value in inputs.items()}
        ).numpy()
    return said


def mix(
    network: Any, probe: Probe, seen: Arrays, judged: Arrays, narrow: torch.dtype = torch.bfloat16
) -> Mixed:
    """``network`` over packed words, in int8 and ``narrow``. Its own layers stay as they are.

    Args:
        network: as :class:`model_store.narrow.PackedNetwork` takes it, in float32.
        probe: its recording.
        seen: inputs that outliers and roundings are judged by.
        judged: others, by which the choice is judged, as by the probe.
        narrow: of what is not in int8.
    """
    wanted = run(network, judged)
    eight = _byte_maps(network, seen)
    made = PackedNetwork(network, narrow)
    plain = {name: made.layers.get_submodule(name) for name in eight}

    def put(parts: Sequence[str]) -> None:
        for name in eight:
            number, _, part = name.partition(".")
            made.layers[int(number)].add_module(part, eight[name] if name in parts else plain[name])

    def measured(parts: Sequence[str]) -> Parity:
        put(parts)
        rows = (
            compare(run(made, packed(probe.inputs)), probe.vectors, reduced_precision=True),
            compare(run(made, packed(judged)), wanted, reduced_precision=True),
        )
        return max(rows, key=harm)

    parts = list(eight)
    chosen, parity = parts, measured(parts)
    if not fits(parity):
        order = by_harm(parts, measured)
        chosen = order[: longest_that_fits(order, measured)]
        parity = measured(chosen)
    return Mixed(made, parity, len(chosen), len(parts))


def _byte_maps(network: Any, inputs: Arrays) -> dict[str, ByteLinear]:
    """Each linear map of BERT in int8, named by layer and part."""
    layers = network.bert.encoder.layer
    maps = {f"{n}.{part}": maps_of(layer)[part] for n, layer in enumerate(layers) for part in PARTS}
    mask = torch.from_numpy(inputs["attention_mask"]).bool()
    met: dict[str, Tensor] = {}

    def note(name: str) -> Callable[..., None]:
        return lambda _, arguments, __: met.update({name: arguments[0][mask]})

    hooks = [some[0].register_forward_hook(note(name)) for name, some in maps.items()]
    try:
        with torch.no_grad():
            network(**{name: torch.from_numpy(value) for name, value in inputs.items()})
    finally:
        for hook in hooks:
            hook.remove()
    with torch.no_grad():
        return {name: ByteLinear(*some, seen=met[name]) for name, some in maps.items()}
