"""All of ``marquee train vit``: data, training, probe, package."""

from __future__ import annotations

from pathlib import Path

from model_store import Package
from trainer.processes import Processes
from trainer.progress import Progress
from trainer.vision.evaluate import compare, probe_figures
from trainer.vision.examples import load_examples
from trainer.vision.labelled import kinds_of_features, load_outside
from trainer.vision.options import ViTOptions
from trainer.vision.package import write_vit_package
from trainer.vision.train import train_vit


def run_training(
    data: Path,
    options: ViTOptions,
    root: Path,
    name: str,
    version: str,
    work: Path,
    cache: Path,
    progress: Progress,
) -> Package | None:
    """Trains on ``data`` and writes ``root/<name>/<version>``; checkpoints lie in ``work``.

    Under torchrun the first process does what follows the training; the others return None.

    Raises:
        DataError: naming file and row, if a table, poster or weight file is missing or bad.
        TrainingError: if data and options do not fit, or ``work`` belongs to another training.
        PackageExistsError: if that version is there already.
    """
    examples = load_examples(data, options, cache, progress)
    trained = train_vit(examples, options, work, progress)
    if not Processes.of_environment().first:
        return None
    sizes = options.model
    outside = load_outside(data, sizes.image_height, sizes.image_width, cache, progress, options.limit)
    features = kinds_of_features(trained.model.vit, outside, options.seed, progress)
    measured = probe_figures(compare(features, outside, options.seed, progress))
    return write_vit_package(trained, examples, root, name, version, measured)
