"""How good is it: metrics over full rankings."""

from trainer.evaluation.ranking import RankingScores, profiles, rank

__all__ = ["RankingScores", "profiles", "rank"]
