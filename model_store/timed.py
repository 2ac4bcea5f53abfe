"""What engines are timed by: films that come with Marquee, as a worker is handed them.

Not the recorded probe: half of it is padding, which engines that pack words do not compute, and odd ones
cost others more than films do. By the probe bfloat16 looked faster where it is slower.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from handlers.engines import load_probe
from handlers.engines.parity import PROBE_FILE
from model_store.films import some_films
from model_store.plans import plan_of
from model_store.store import Package

BATCH = 16

Inputs = dict[str, npt.NDArray[Any]]


def batch_of(inputs: Mapping[str, npt.NDArray[Any]], rows: int) -> Inputs:
    """``rows`` rows of recorded inputs, repeated in order where there are fewer."""
    return {name: np.ascontiguousarray(np.resize(v, (rows, *v.shape[1:]))) for name, v in inputs.items()}


def timed_inputs(package: Package) -> Inputs:
    """Inputs of :data:`BATCH` films; the probe's of a model that reads posters alone, for they have none.

    Raises:
        PackageFileError: if the recorded probe cannot be read.
    """
    plan = plan_of(package.path)
    if plan.text_model is None:
        return batch_of(load_probe(package.path / PROBE_FILE).inputs, BATCH)
    return plan.read(package.path, some_films(BATCH))
