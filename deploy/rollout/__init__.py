"""Replacing the model under live traffic: the life of a space, its gates, and the way back."""

from deploy.rollout.resuming import Driver, start_space

__all__ = ["Driver", "start_space"]
