"""The space that is served: collaborative item vectors and the way from content into them (DESIGN 10.6)."""

from trainer.space.options import AUTO, SpaceOptions
from trainer.space.package import write_package
from trainer.space.train import TrainedSpace, train_space

__all__ = ["AUTO", "SpaceOptions", "TrainedSpace", "train_space", "write_package"]
