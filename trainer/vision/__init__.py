"""The poster model: a vision transformer trained from scratch on posters, genres and texts."""

from trainer.vision.run import run_training

__all__ = ["run_training"]
