"""How a package is best served here: what to try, how it is measured, which one wins."""

from deploy.tuning.measure import tune
from deploy.tuning.search import best, for_batching, for_workers

__all__ = ["best", "for_batching", "for_workers", "tune"]
